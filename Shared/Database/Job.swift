internal import Synchronization

/// One call on its way to a connection's thread and back.
///
/// It is answered exactly once: by the thread that ran it, or by whoever refuses it before it began (a full queue, a
/// cancelled task, a time that is over).
final class Job: Sendable {
    /// What to do on the connection's thread; the answer is given in it, after `end()`.
    typealias Work = @Sendable (BlockingConnection) -> Void
    typealias Refusal = @Sendable (DatabaseError) -> Void

    private enum State {
        case new
        case cancelledEarly
        case waiting(Work, Refusal)
        case running(Canceller)
        case done
    }

    private let state = Mutex(State.new)
    let deadline: ContinuousClock.Instant?

    init(deadline: ContinuousClock.Instant?) {
        self.deadline = deadline
    }

    /// Gives it its work; from here on it will be answered. False when it was refused at once.
    func arm(_ work: @escaping Work, orElse refusal: @escaping Refusal) -> Bool {
        let isArmed = state.withLock { state in
            if case .new = state {
                state = .waiting(work, refusal)
                return true
            }
            state = .done
            return false
        }
        if !isArmed { refusal(Self.cancelled) }
        return isArmed
    }

    /// Answers with `error` unless it has begun.
    func refuse(_ error: DatabaseError) {
        let refusal: Refusal? = state.withLock { state in
            guard case .waiting(_, let refusal) = state else { return nil }
            state = .done
            return refusal
        }
        refusal?(error)
    }

    /// Runs it, unless it has been answered.
    func run(on connection: BlockingConnection) {
        let work: Work? = state.withLock { state in
            guard case .waiting(let work, _) = state else { return nil }
            // Here, so that a cancellation cannot come between.
            connection.canceller.reset()
            state = .running(connection.canceller)
            return work
        }
        guard let work else { return }
        connection.deadline = deadline
        defer { connection.deadline = nil }
        work(connection)
    }

    /// To be called before the answer is given: from now on a cancellation does not reach the connection.
    func end() {
        state.withLock { $0 = .done }
    }

    /// The caller's task was cancelled. True when the job was still waiting: nobody needs it any more.
    func cancel() -> Bool {
        let refusal: Refusal? = state.withLock { state in
            switch state {
            case .new:
                state = .cancelledEarly
                return nil
            case .waiting(_, let refusal):
                state = .done
                return refusal
            case .running(let canceller):
                canceller.cancel()
                return nil
            case .cancelledEarly, .done: return nil
            }
        }
        refusal?(Self.cancelled)
        return refusal != nil
    }

    private static let cancelled = DatabaseError(.cancelled, "the task was cancelled before the statement was sent")
}
