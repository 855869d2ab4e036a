internal import Crypto
internal import Encodings

/// The secret that a webhook's deliveries are signed with (`contracts.md` §6).
///
/// One text gives two keys: `X-IC-Signature` is keyed with the whole text, as seed 0's verifier does it; Standard Webhooks
/// with the bytes whose base64 stands behind `whsec_`, or with the text itself where there is no such prefix.
public struct SigningSecret: Hashable, Sendable {
    /// How long a caller's own secret may be.
    public static let lengths = 16...128

    private static let prefix = "whsec_"
    private static let generatedByteCount = 32

    public let text: String
    let standardKey: [UInt8]

    /// A caller's own secret.
    /// - Throws: `invalidSecret` unless it is 16–128 printable ASCII characters, and base64 behind `whsec_`: otherwise the
    ///   two ends would not agree on the key, and nobody would know why.
    public init(_ text: String) throws(SigningError) {
        guard Self.lengths.contains(text.utf8.count), text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw SigningError(
                .invalidSecret,
                "a secret is \(Self.lengths.lowerBound)-\(Self.lengths.upperBound) printable ASCII characters")
        }
        if text.hasPrefix(Self.prefix) {
            guard let key = Base64.decode(String(text.dropFirst(Self.prefix.utf8.count))) else {
                throw SigningError(.invalidSecret, "behind whsec_ a secret is base64, with padding")
            }
            self.standardKey = key
        } else {
            self.standardKey = Array(text.utf8)
        }
        self.text = text
    }

    /// A new secret: `whsec_` and the base64 of 32 random bytes.
    public static func generate() -> SigningSecret {
        let key = SecureRandom.bytes(generatedByteCount)
        return SigningSecret(text: prefix + Base64.encode(key), key: key)
    }

    private init(text: String, key: [UInt8]) {
        self.text = text
        self.standardKey = key
    }
}

extension SigningSecret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Never the secret: it is interpolated into logs by mistake sooner or later.
    public var description: String { "SigningSecret(hidden)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
