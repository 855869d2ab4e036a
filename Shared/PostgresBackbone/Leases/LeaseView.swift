internal import Store
internal import Synchronization

/// What a process believes about its leases, for questions from any thread.
final class LeaseView: Sendable {
    private struct State {
        /// By part; 0 where it is not held.
        var epochs: [Int64]
        /// The last epoch of each part that is over: a renewal that was under way may still speak of it.
        var dead: [Int64]
        var deadline: ContinuousClock.Instant?
    }

    private let state: Mutex<State>

    init(parts: Int) {
        state = Mutex(State(epochs: Array(repeating: 0, count: parts), dead: Array(repeating: 0, count: parts)))
    }

    /// Whether a renewal was answered while the lease it gave still lasts, whatever it gave.
    func isCurrent(at now: ContinuousClock.Instant = .now) -> Bool {
        state.withLock { state in state.deadline.map { now < $0 } ?? false }
    }

    /// Whether the part is held under this epoch and the lease lasts.
    func holds(_ part: Int, epoch: Int64, at now: ContinuousClock.Instant = .now) -> Bool {
        state.withLock { state in
            guard let deadline = state.deadline, now < deadline else { return false }
            return state.epochs.indices.contains(part) && state.epochs[part] == epoch
        }
    }

    /// How many parts are held while the lease lasts.
    func heldCount(at now: ContinuousClock.Instant = .now) -> Int {
        state.withLock { state in
            guard let deadline = state.deadline, now < deadline else { return 0 }
            return state.epochs.count { $0 != 0 }
        }
    }

    /// How long the lease still lasts; negative when it has run out, nil before the first.
    func timeLeft(at now: ContinuousClock.Instant = .now) -> Duration? {
        state.withLock { state in state.deadline.map { now.duration(to: $0) } }
    }

    func renewed(_ held: [LeaseStatement.Held], until deadline: ContinuousClock.Instant) {
        state.withLock { state in
            for part in state.epochs.indices { state.epochs[part] = 0 }
            for held in held where state.epochs.indices.contains(held.position.part) {
                let position = held.position
                if state.dead[position.part] != position.epoch { state.epochs[position.part] = position.epoch }
            }
            state.deadline = deadline
        }
    }

    /// It is another's, or about to be given back: known before the next renewal.
    func lost(_ part: Int, epoch: Int64) {
        state.withLock { state in
            guard state.epochs.indices.contains(part) else { return }
            state.dead[part] = epoch
            if state.epochs[part] == epoch { state.epochs[part] = 0 }
        }
    }
}
