internal import Crypto
internal import Encodings

/// Lark's encryption (open.feishu.cn, "Encrypt Key"): AES-256-CBC under the SHA-256 of the key's text, the vector in front
/// of the cipher text, PKCS#7 to blocks of 16.
struct LarkCipher: Sendable {
    private let key: [UInt8]

    init(encryptKey: String) {
        key = SHA256.hash(encryptKey).bytes
    }

    /// The plain text of an `encrypt` field; nil where it is not this key's.
    func decrypt(_ text: String) -> [UInt8]? {
        guard let raw = Base64.decode(text), raw.count >= 2 * AESCBC.blockByteCount else { return nil }
        let vector = raw.prefix(AESCBC.blockByteCount)
        guard var plain = try? AESCBC.decrypt(raw.dropFirst(AESCBC.blockByteCount), key: key, vector: vector),
            let count = BlockPadding.unpaddedCount(plain, block: AESCBC.blockByteCount)
        else { return nil }
        plain.removeSubrange(count...)
        return plain
    }

    /// What `decrypt` reads.
    func encrypt(_ plain: [UInt8], vector: [UInt8]) throws(CryptoError) -> String {
        var padded = plain
        BlockPadding.pad(&padded, block: AESCBC.blockByteCount)
        return Base64.encode(vector + (try AESCBC.encrypt(padded[...], key: key, vector: vector[...])))
    }
}

/// Lark's signature: the hex SHA-256 (no HMAC) of timestamp, nonce, Encrypt Key and raw body.
enum LarkSignature {
    static func digest(timestamp: String, nonce: String, encryptKey: String, body: [UInt8]) -> SHA256Digest {
        SHA256.hash(Array("\(timestamp)\(nonce)\(encryptKey)".utf8) + body)
    }
}
