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
    /// When to ask again: a request that reaches the server before the statement does is forgotten there.
    static let cancelInterval: Duration = .milliseconds(50)

    private let deadline: ContinuousClock.Instant?
    private let isCancellable: Bool
    private var givingUpAt: ContinuousClock.Instant?
    private var nextCancel: ContinuousClock.Instant?
    /// Set once the statement was cancelled by us.
    private(set) var reason: Reason?

    init(deadline: ContinuousClock.Instant?, isCancellable: Bool = true) {
        self.deadline = deadline
        self.isCancellable = isCancellable
    }

    /// Whether a request to cancel still changes something.
    var heedsCanceller: Bool { isCancellable && reason == nil }

    mutating func next(now: ContinuousClock.Instant, isCancelled: Bool) -> Action {
        if let givingUpAt, let nextCancel {
            if now >= givingUpAt { return .abandon }
            if now < nextCancel { return .wait(until: min(nextCancel, givingUpAt)) }
            self.nextCancel = now + Self.cancelInterval
            return .cancel
        }
        if isCancelled, isCancellable {
            reason = .cancelled
        } else if let deadline, now >= deadline {
            reason = .deadline
        } else {
            return .wait(until: deadline)
        }
        givingUpAt = now + Self.cancelGrace
        nextCancel = now + Self.cancelInterval
        return .cancel
    }
}
