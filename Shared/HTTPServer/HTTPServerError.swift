/// Why a server did not start.
public struct HTTPServerError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: Sendable, Hashable {
        /// A setting is out of range; the message names it.
        case configuration
        /// The address could not be listened on.
        case listen
        /// A thread, a descriptor or memory could not be had.
        case resources
        /// The server has been started before.
        case alreadyStarted
    }

    public let code: Code
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }

    public static func == (left: HTTPServerError, right: HTTPServerError) -> Bool { left.code == right.code }
}
