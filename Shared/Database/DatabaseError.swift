/// What went wrong at the database.
///
/// Text never holds parameters or rows: the server's DETAIL is left out, and of a message of class 22 (data) only the
/// part before the value it complains about is kept.
public struct DatabaseError: Error, Hashable, Sendable {
    /// The reactions a caller can have; `sqlState` has the rest.
    public enum Code: String, Hashable, Sendable, CaseIterable {
        /// There is no connection, or it died (08, 57P01–57P03, a FATAL).
        case connection
        /// A limit of time: the statement's, a lock's, or the wait for a connection (57014, 55P03).
        case timeout
        /// Another transaction was in the way (40001, 40P01).
        case serialization
        /// Class 23. `constraint` names it.
        case constraint
        /// Class 22: a value that cannot be what the statement says it is.
        case data
        /// The caller's task was cancelled, or `Canceller.cancel()` was called.
        case cancelled
        /// Class 42 and 0A, 26, 34, 3D, 3F: the statement does not fit the schema.
        case syntax
        /// The server ran out of something (53: connections, disk, memory).
        case resources
        /// The server takes no writes (25006): a standby, or a primary that became one.
        case readOnly
        /// The pool's queue is full.
        case exhausted
        /// The pool or connection was shut down.
        case closed
        /// The DSN cannot be read.
        case configuration
        /// The schema is newer than this program knows.
        case schema
        /// `raise exception` in one of our functions without a state of its own (P0001), and all the rest.
        case other
    }

    public let code: Code
    /// Five characters, when the server said it.
    public let sqlState: String?
    public let message: String
    /// The constraint that was violated.
    public let constraint: String?
    /// The name of the statement that failed.
    public internal(set) var statement: String?
    /// The connection died, or was given up, after the statement was sent: it may or may not have been committed.
    public internal(set) var outcomeUnknown: Bool

    public init(
        _ code: Code, _ message: String, sqlState: String? = nil, constraint: String? = nil, statement: String? = nil,
        outcomeUnknown: Bool = false
    ) {
        self.code = code
        self.message = message
        self.sqlState = sqlState
        self.constraint = constraint
        self.statement = statement
        self.outcomeUnknown = outcomeUnknown
    }

    /// The same call may succeed later. Whether repeating it is *safe* is the caller's knowledge when
    /// `outcomeUnknown` is set.
    public var isRetryable: Bool {
        switch code {
        case .connection, .timeout, .serialization, .resources, .readOnly, .exhausted: true
        case .constraint, .data, .cancelled, .syntax, .closed, .configuration, .schema, .other: false
        }
    }
}

extension DatabaseError: CustomStringConvertible {
    public var description: String {
        var text = code.rawValue
        if let sqlState { text += " \(sqlState)" }
        if let statement { text += " in \(statement)" }
        text += ": \(message)"
        if outcomeUnknown { text += " (outcome unknown)" }
        return text
    }
}

extension DatabaseError.Code {
    /// PostgreSQL documentation, appendix A.
    init(sqlState: String) {
        switch sqlState {
        case "57014", "55P03": self = .timeout
        case "57P01", "57P02", "57P03", "25P03": self = .connection
        case "25006": self = .readOnly
        case "40001", "40P01": self = .serialization
        default:
            switch sqlState.prefix(2) {
            case "08": self = .connection
            case "22": self = .data
            case "23": self = .constraint
            case "0A", "26", "34", "3D", "3F", "42": self = .syntax
            case "53": self = .resources
            default: self = .other
            }
        }
    }
}
