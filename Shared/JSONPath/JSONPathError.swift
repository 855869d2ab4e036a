/// Why a text is no JSONPath query, or why an evaluation was given up.
public struct JSONPathError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        /// The text is not well-formed (RFC 9535 §2, appendix A).
        case syntax
        /// Well-formed, and wrong in its types: an argument's, a comparison's (RFC 9535 §2.4.3, §2.3.5.1).
        case type
        /// An integer beyond ±(2^53 - 1) (RFC 9535 §2.1).
        case range
        /// A function that nobody defined.
        case unknownFunction
        /// Longer or nested deeper than `JSONPathLimits` allow.
        case tooLarge
        /// The evaluation took more steps than it was given.
        case tooMuchWork
    }

    public var code: Code
    public var message: String
    /// The index of the first byte of the query that is at fault; nil where the query as a whole is.
    public var offset: Int?

    public init(_ code: Code, _ message: String, at offset: Int? = nil) {
        self.code = code
        self.message = message
        self.offset = offset
    }

    public var description: String { offset.map { "\(message) (character \($0 + 1))" } ?? message }
}

/// Bounds on a query and on its evaluation. What one evaluation costs is bounded by `steps`, whatever query and document say.
public struct JSONPathLimits: Hashable, Sendable {
    /// Bytes of the query.
    public var bytes: Int
    /// Segments of one query: the evaluation recurses over them.
    public var segments: Int
    /// Filters, parentheses and function calls in one another.
    public var depth: Int
    /// Values that are looked at, plus the steps of regular expressions. A step takes 10-50 ns.
    public var steps: Int

    public init(bytes: Int = 4096, segments: Int = 128, depth: Int = 32, steps: Int = 1_000_000) {
        self.bytes = bytes
        self.segments = segments
        self.depth = depth
        self.steps = steps
    }

    public static let standard = JSONPathLimits()
}
