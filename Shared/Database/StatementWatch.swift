/// When to stop waiting for a statement: first it is cancelled at the server, and if that brings no answer either, the
/// connection is given up.
struct StatementWatch: Sendable {
    /// Why a statement is stopped before its end.
    enum Reason: Hashable, Sendable {
        case deadline, cancelled
    }

    enum Action: Hashable, Sendable {
        /// Wait for the socket, up to then.
        case wait(until: ContinuousClock.Instant?)
        /// Ask the server to cancel, then ask again here.
        case cancel
        /// Close the connection.
        case abandon
    }

    /// How long the answer to a cancel request may take.
    static let cancelGrace: Duration = .seconds(2)

    private let deadline: ContinuousClock.Instant?
    private let isCancellable: Bool
    private var givingUpAt: ContinuousClock.Instant?
    /// Set once the statement was cancelled by us.
    private(set) var reason: Reason?

    init(deadline: ContinuousClock.Instant?, isCancellable: Bool = true) {
        self.deadline = deadline
        self.isCancellable = isCancellable
    }

    /// Whether a request to cancel still changes something.
    var heedsCanceller: Bool { isCancellable && reason == nil }

    mutating func next(now: ContinuousClock.Instant, isCancelled: Bool) -> Action {
        if let givingUpAt {
            return now >= givingUpAt ? .abandon : .wait(until: givingUpAt)
        }
        if isCancelled, isCancellable {
            reason = .cancelled
        } else if let deadline, now >= deadline {
            reason = .deadline
        } else {
            return .wait(until: deadline)
        }
        givingUpAt = now + Self.cancelGrace
        return .cancel
    }
}
