internal import Backbone
internal import Synchronization

/// Outcomes on their way from the sender's threads to the settling loop; a turn takes all there is. Bounded by the lanes'
/// window: every outcome is of a record that is out.
final class OutcomeQueue: Sendable {
    private struct State {
        var outcomes: [LaneOutcome] = []
        var waiter: CheckedContinuation<[LaneOutcome]?, Never>?
        var isClosed = false
    }

    private let state = Mutex(State())

    func add(_ outcomes: [LaneOutcome]) {
        let waiter = state.withLock { state -> CheckedContinuation<[LaneOutcome]?, Never>? in
            guard let waiter = state.waiter else {
                state.outcomes.append(contentsOf: outcomes)
                return nil
            }
            state.waiter = nil
            return waiter
        }
        waiter?.resume(returning: outcomes)
    }

    /// All that came since the last call; nil once closed and empty. One caller at a time.
    func next() async -> [LaneOutcome]? {
        await withCheckedContinuation { continuation in
            let ready: [LaneOutcome]?? = state.withLock { state in
                if !state.outcomes.isEmpty {
                    defer { state.outcomes = [] }
                    return state.outcomes
                }
                if state.isClosed { return .some(nil) }
                state.waiter = continuation
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }

    func close() {
        let waiter = state.withLock { state in
            state.isClosed = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: nil)
    }
}
