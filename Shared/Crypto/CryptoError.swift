/// What can go wrong with keys and sealed texts. The message never holds key material, plain text or sealed text.
public struct CryptoError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        /// A key has the wrong length or form.
        case invalidKey = "invalid_key"
        /// A sealed text is not of the form that we write.
        case malformed = "malformed"
        /// A sealed text names a master key that we were not given.
        case unknownKey = "unknown_key"
        /// The tag or signature does not fit: changed bytes, another context, or the wrong key.
        case notAuthentic = "not_authentic"
    }

    public var code: Code
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(code.rawValue): \(message)" }

    public static func == (left: CryptoError, right: CryptoError) -> Bool { left.code == right.code }
    public func hash(into hasher: inout Hasher) { hasher.combine(code) }
}
