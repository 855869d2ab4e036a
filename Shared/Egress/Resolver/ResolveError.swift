/// Why a name has no addresses.
public struct ResolveError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// The name does not exist, or has no address: an answer, not a failure.
        case notFound = "not_found"
        /// The name servers failed or did not answer.
        case failed
        /// No answer within the look-up's deadline.
        case timedOut = "timed_out"
        /// More names are waiting than the resolver keeps.
        case overloaded
        /// The resolver was stopped.
        case stopped
    }

    public let code: Code
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }

    public static func == (left: ResolveError, right: ResolveError) -> Bool { left.code == right.code }
}
