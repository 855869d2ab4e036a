internal import COpenSSL

/// AES-256 in cipher block chaining mode (NIST SP 800-38A), without padding: the protocols that use it pad in ways of their
/// own, and check them with `BlockPadding`.
///
/// CBC authenticates nothing. Whoever decrypts what a stranger sent must answer every failure alike.
public enum AESCBC {
    public static let keyByteCount = 32
    public static let blockByteCount = 16

    /// - Throws: `invalidKey` if key or vector have the wrong length; `malformed` unless there are whole blocks.
    public static func decrypt(
        _ ciphertext: ArraySlice<UInt8>, key: [UInt8], vector: ArraySlice<UInt8>
    ) throws(CryptoError) -> [UInt8] {
        try run(ciphertext, key, vector, encrypts: false)
    }

    /// - Throws: `invalidKey` if key or vector have the wrong length; `malformed` unless there are whole blocks.
    public static func encrypt(
        _ plaintext: ArraySlice<UInt8>, key: [UInt8], vector: ArraySlice<UInt8>
    ) throws(CryptoError) -> [UInt8] {
        try run(plaintext, key, vector, encrypts: true)
    }

    private static func run(
        _ input: ArraySlice<UInt8>, _ key: [UInt8], _ vector: ArraySlice<UInt8>, encrypts: Bool
    ) throws(CryptoError) -> [UInt8] {
        guard key.count == keyByteCount else { throw CryptoError(.invalidKey, "an AES-256 key has 32 bytes") }
        guard vector.count == blockByteCount else { throw CryptoError(.invalidKey, "a vector has 16 bytes") }
        guard !input.isEmpty, input.count.isMultiple(of: blockByteCount), input.count <= Int(Int32.max) else {
            throw CryptoError(.malformed, "not a whole number of blocks")
        }
        guard let context = EVP_CIPHER_CTX_new() else { preconditionFailure("OpenSSL has no memory for a cipher") }
        defer { EVP_CIPHER_CTX_free(context) }
        let done = vector.withUnsafeBufferPointer { vector in
            EVP_CipherInit_ex2(
                context, Algorithms.shared.aes256CBC, key, vector.baseAddress, encrypts ? 1 : 0, nil)
        }
        precondition(done == 1, "OpenSSL refused AES-256-CBC")
        EVP_CIPHER_CTX_set_padding(context, 0)
        return input.withUnsafeBufferPointer { input in
            // One block more than comes out: the library may use it in between.
            [UInt8](unsafeUninitializedCapacity: input.count + blockByteCount) { output, count in
                var written: Int32 = 0
                let done = EVP_CipherUpdate(
                    context, output.baseAddress, &written, input.baseAddress, Int32(input.count))
                precondition(done == 1 && Int(written) == input.count, "AES-CBC: as many blocks out as in")
                count = Int(written)
            }
        }
    }
}

/// PKCS#7 padding (RFC 5652 §6.3) to any block up to 255 bytes.
public enum BlockPadding {
    /// The count of bytes without the padding; nil where it is wrong. Looks at `block` bytes whatever it finds.
    public static func unpaddedCount(_ bytes: [UInt8], block: Int) -> Int? {
        guard let last = bytes.last, bytes.count >= Int(last) else { return nil }
        var difference: UInt8 = last == 0 || Int(last) > block ? 1 : 0
        for (distance, byte) in bytes.suffix(block).reversed().enumerated() {
            difference |= distance < Int(last) ? byte ^ last : 0
        }
        return difference == 0 ? bytes.count - Int(last) : nil
    }

    public static func pad(_ bytes: inout [UInt8], block: Int) {
        let count = block - bytes.count % block
        bytes.append(contentsOf: repeatElement(UInt8(count), count: count))
    }
}
