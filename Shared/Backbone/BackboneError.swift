/// What can go wrong at the seam. The code decides what a caller does.
public struct BackboneError: Error, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        /// The log or the store cannot be reached or is too slow; nothing was written. Answer 503, or try again.
        case unavailable
        /// It is not known whether the call was carried out. Never repeated by us where that could write twice.
        case outcomeUnknown
        /// A queue of ours is full. Answer 503.
        case overloaded
        /// The data itself is refused (SQLSTATE class 22 or 23, a record that is too large): repeating cannot help.
        case poison
        /// The partitions are no longer ours; nothing was written.
        case notOwner
        /// The process is shutting down.
        case stopped
    }

    public let code: Code
    /// For the log; holds no payload and no secret.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(code): \(message)" }
}
