internal import Crypto
internal import Encodings

/// WeCom's encryption (developer.work.weixin.qq.com, 90968): AES-256-CBC whose vector is the key's first half; padding to
/// blocks of 32; inside 16 random bytes, the message's length, the message, and who receives.
struct WeComCipher: Sendable {
    private static let paddingBlock = 32
    private static let headByteCount = 20
    private let key: [UInt8]

    init(_ key: WeComKey) {
        self.key = key.bytes
    }

    /// Message and receiver of a base64 text; nil where it is not this key's.
    func decrypt(_ text: String) -> (message: [UInt8], receiver: String)? {
        guard let raw = Base64.decode(text),
            var plain = try? AESCBC.decrypt(raw[...], key: key, vector: key.prefix(AESCBC.blockByteCount)),
            let count = BlockPadding.unpaddedCount(plain, block: Self.paddingBlock), count >= Self.headByteCount
        else { return nil }
        plain.removeSubrange(count...)
        let length = plain[16..<20].reduce(0) { $0 << 8 | Int($1) }
        guard length <= plain.count - Self.headByteCount else { return nil }
        let end = Self.headByteCount + length
        return (Array(plain[Self.headByteCount..<end]), String(decoding: plain[end...], as: UTF8.self))
    }

    /// What `decrypt` reads.
    func encrypt(_ message: [UInt8], receiver: String, random: [UInt8]) throws(CryptoError) -> String {
        var plain = random
        for shift in [24, 16, 8, 0] { plain.append(UInt8(truncatingIfNeeded: message.count >> shift)) }
        plain += message
        plain += receiver.utf8
        BlockPadding.pad(&plain, block: Self.paddingBlock)
        return Base64.encode(try AESCBC.encrypt(plain[...], key: key, vector: key.prefix(AESCBC.blockByteCount)))
    }
}

/// WeCom's signature: the hex SHA-1 of token, timestamp, nonce and cipher text, sorted and joined.
enum WeComSignature {
    static func digest(token: String, timestamp: String, nonce: String, encrypted: String) -> [UInt8] {
        let parts = [token, timestamp, nonce, encrypted].map { Array($0.utf8) }
        return SHA1.hash(Array(parts.sorted { $0.lexicographicallyPrecedes($1) }.joined()))
    }
}
