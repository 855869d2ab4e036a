internal import COpenSSL

/// SHA-1 (FIPS 180-4). Broken for collisions: here only because WeCom signs with it and old GitHub hooks do.
public enum SHA1 {
    public static let byteCount = 20

    public static func hash(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            let done = EVP_Digest(bytes, bytes.count, buffer.baseAddress, nil, Algorithms.shared.sha1, nil)
            precondition(done == 1, "OpenSSL refused a SHA-1: out of memory")
            count = byteCount
        }
    }

    /// HMAC-SHA1 (RFC 2104): `H((key ^ opad) | H((key ^ ipad) | message))`.
    public static func authenticationCode(for message: [UInt8], key: [UInt8]) -> [UInt8] {
        let blockByteCount = 64
        var block = key.count > blockByteCount ? hash(key) : key
        block.append(contentsOf: repeatElement(0, count: blockByteCount - block.count))
        let inner = hash(block.map { $0 ^ 0x36 } + message)
        return hash(block.map { $0 ^ 0x5C } + inner)
    }
}
