internal import COpenSSL

/// AES-256 in Galois/Counter mode (NIST SP 800-38D), nonce of 12 bytes, tag of 16.
///
/// A nonce must never be used twice with one key. `SecretBox` draws it at random, which is safe for 2^32 messages a key.
public enum AESGCM {
    public static let keyByteCount = 32
    public static let nonceByteCount = 12
    public static let tagByteCount = 16

    /// - Returns: The cipher text with the tag behind it: 16 bytes longer than `plaintext`.
    /// - Throws: `invalidKey` if key or nonce have the wrong length.
    public static func seal(
        _ plaintext: [UInt8], key: [UInt8], nonce: [UInt8], authenticating context: [UInt8] = []
    ) throws(CryptoError) -> [UInt8] {
        let cipher = try Cipher(key: key, nonce: nonce, encrypts: true)
        cipher.authenticate(context)
        var output = cipher.update(plaintext)
        precondition(cipher.finish(), "AES-GCM refused to finish an encryption")
        output.append(contentsOf: cipher.tag())
        return output
    }

    /// - Parameter sealed: What `seal` returned.
    /// - Throws: `notAuthentic` if anything was changed or the key or context is another one; `malformed` if it is shorter
    ///   than a tag; `invalidKey` if key or nonce have the wrong length.
    public static func open(
        _ sealed: [UInt8], key: [UInt8], nonce: [UInt8], authenticating context: [UInt8] = []
    ) throws(CryptoError) -> [UInt8] {
        guard sealed.count >= tagByteCount else { throw CryptoError(.malformed, "shorter than its tag") }
        let cipher = try Cipher(key: key, nonce: nonce, encrypts: false)
        cipher.authenticate(context)
        let plaintext = cipher.update(Array(sealed.dropLast(tagByteCount)))
        cipher.expect(tag: Array(sealed.suffix(tagByteCount)))
        // The bytes decrypted so far must not be used before the tag has been checked.
        guard cipher.finish() else { throw CryptoError(.notAuthentic, "the tag does not fit") }
        return plaintext
    }

    /// One encryption or decryption.
    private struct Cipher: ~Copyable {
        private let context: OpaquePointer

        init(key: [UInt8], nonce: [UInt8], encrypts: Bool) throws(CryptoError) {
            guard key.count == keyByteCount else { throw CryptoError(.invalidKey, "an AES-256 key has 32 bytes") }
            guard nonce.count == nonceByteCount else { throw CryptoError(.invalidKey, "a nonce has 12 bytes") }
            guard let context = EVP_CIPHER_CTX_new() else { preconditionFailure("OpenSSL has no memory for a cipher") }
            self.context = context
            let done = EVP_CipherInit_ex2(context, Algorithms.shared.aes256GCM, key, nonce, encrypts ? 1 : 0, nil)
            precondition(done == 1, "OpenSSL refused AES-256-GCM")
        }

        func authenticate(_ bytes: [UInt8]) {
            guard !bytes.isEmpty else { return }
            var count: Int32 = 0
            precondition(EVP_CipherUpdate(context, nil, &count, bytes, Int32(bytes.count)) == 1, "AES-GCM: context")
        }

        func update(_ bytes: [UInt8]) -> [UInt8] {
            guard !bytes.isEmpty else { return [] }
            return [UInt8](unsafeUninitializedCapacity: bytes.count) { buffer, initialized in
                var count: Int32 = 0
                let done = EVP_CipherUpdate(context, buffer.baseAddress, &count, bytes, Int32(bytes.count))
                precondition(done == 1 && Int(count) == bytes.count, "AES-GCM is a stream cipher: as much out as in")
                initialized = bytes.count
            }
        }

        func expect(tag: [UInt8]) {
            var tag = tag
            let done = EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tag.count), &tag)
            precondition(done == 1, "AES-GCM refused a tag of 16 bytes")
        }

        /// Whether the tag fits (always, when encrypting).
        func finish() -> Bool {
            var rest: [UInt8] = Array(repeating: 0, count: tagByteCount)
            var count: Int32 = 0
            return EVP_CipherFinal_ex(context, &rest, &count) == 1
        }

        func tag() -> [UInt8] {
            var tag: [UInt8] = Array(repeating: 0, count: tagByteCount)
            let done = EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(tag.count), &tag)
            precondition(done == 1, "AES-GCM has no tag")
            return tag
        }

        deinit { EVP_CIPHER_CTX_free(context) }
    }
}
