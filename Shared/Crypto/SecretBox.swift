internal import Encodings

/// Secrets at rest: sealed with AES-256-GCM under one of several master keys.
///
/// The text form is `v1:<key id>:<base64 of nonce, cipher text and tag>`. `context` is authenticated with the secret and
/// names the place where it is kept (for example `webhook:wh_01J…`), so a row that is copied over another one does not
/// open. The first key seals; all keys open, which is what lets an operator put a new key in front and re-wrap in peace.
public struct SecretBox: Sendable {
    private let current: MasterKey
    private let keys: [String: MasterKey]

    /// - Parameters:
    ///   - current: Seals and opens.
    ///   - previous: Only open.
    /// - Throws: `invalidKey` if two different keys share an id.
    public init(current: MasterKey, previous: [MasterKey] = []) throws(CryptoError) {
        var keys = [current.id: current]
        for key in previous {
            if let known = keys[key.id], known.bytes != key.bytes {
                throw CryptoError(.invalidKey, "two different master keys have the id \(key.id)")
            }
            keys[key.id] = key
        }
        self.current = current
        self.keys = keys
    }

    private static let version = "v1"

    public func seal(_ secret: [UInt8], context: String) -> String {
        let nonce = SecureRandom.bytes(AESGCM.nonceByteCount)
        do throws(CryptoError) {
            let sealed = try AESGCM.seal(
                secret, key: current.bytes, nonce: nonce, authenticating: Self.authenticated(context, keyID: current.id)
            )
            return "\(Self.version):\(current.id):\(Base64.encode(nonce + sealed))"
        } catch {
            preconditionFailure("a master key and a nonce of ours have the right length: \(error)")
        }
    }

    public func seal(_ secret: String, context: String) -> String { seal(Array(secret.utf8), context: context) }

    /// - Throws: `malformed`, `unknownKey`, or `notAuthentic` when the text was changed or belongs to another context.
    public func open(_ text: String, context: String) throws(CryptoError) -> [UInt8] {
        let (keyID, sealed) = try Self.parse(text)
        guard let key = keys[keyID] else { throw CryptoError(.unknownKey, "no master key with the id \(keyID)") }
        return try AESGCM.open(
            Array(sealed.dropFirst(AESGCM.nonceByteCount)), key: key.bytes,
            nonce: Array(sealed.prefix(AESGCM.nonceByteCount)),
            authenticating: Self.authenticated(context, keyID: keyID))
    }

    /// The id of the key that sealed `text`.
    /// - Throws: `malformed`.
    public static func keyID(of text: String) throws(CryptoError) -> String { try parse(text).keyID }

    /// The same secret under the current key, or nil when it already is.
    /// - Throws: As `open`.
    public func rewrapped(_ text: String, context: String) throws(CryptoError) -> String? {
        guard try Self.keyID(of: text) != current.id else { return nil }
        return seal(try open(text, context: context), context: context)
    }

    /// The version and the key's id are authenticated too: they decide how the bytes are read.
    private static func authenticated(_ context: String, keyID: String) -> [UInt8] {
        Array("\(version):\(keyID):\(context)".utf8)
    }

    private static func parse(_ text: String) throws(CryptoError) -> (keyID: String, sealed: [UInt8]) {
        let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == version, let sealed = Base64.decode(String(parts[2])),
            sealed.count >= AESGCM.nonceByteCount + AESGCM.tagByteCount
        else { throw CryptoError(.malformed, "a sealed secret is written v1:<key id>:<base64>") }
        return (String(parts[1]), sealed)
    }
}
