/// Why a secret, a header or a signature is refused. The message never holds the secret or the expected signature.
public struct SigningError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        /// A secret is too short, too long, or not what its prefix says.
        case invalidSecret = "invalid_secret"
        /// A header that verification needs is absent or not of its form.
        case malformedHeader = "malformed_header"
        /// The signed time lies outside the tolerance.
        case staleTimestamp = "stale_timestamp"
        /// No signature in the header is the one that the secret gives.
        case wrongSignature = "wrong_signature"
        /// The setting of a header prefix is no header name.
        case invalidPrefix = "invalid_prefix"
    }

    public var code: Code
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(code.rawValue): \(message)" }
}
