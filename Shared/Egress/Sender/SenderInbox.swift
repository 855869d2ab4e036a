internal import Synchronization

/// What other threads hand to a worker. The event is signalled only when the inbox was empty.
final class SenderInbox: Sendable {
    struct Mail: Sendable {
        var submitted: [[Exchange]] = []
        var resolved: [(name: String, answer: NameTable.Answer)] = []
        var cancelled: [UInt64] = []
        var isStopping = false

        fileprivate var isEmpty: Bool { submitted.isEmpty && resolved.isEmpty && cancelled.isEmpty && !isStopping }
    }

    private struct State {
        var mail = Mail()
        var isStopped = false
    }

    let event = WakeEvent()
    private let state = Mutex(State())

    /// False after `stop`.
    func put(submitted batch: [Exchange]) -> Bool {
        put { $0.submitted.append(batch) }
    }

    func put(resolved name: String, _ answer: NameTable.Answer) {
        _ = put { $0.resolved.append((name, answer)) }
    }

    func put(cancelled token: UInt64) {
        _ = put { $0.cancelled.append(token) }
    }

    func stop() {
        let stops = state.withLock { state in
            defer {
                state.mail.isStopping = true
                state.isStopped = true
            }
            return !state.isStopped
        }
        if stops { event.signal() }
    }

    private func put(_ add: (inout Mail) -> Void) -> Bool {
        let (isTaken, wakes) = state.withLock { state in
            guard !state.isStopped else { return (false, false) }
            let wasEmpty = state.mail.isEmpty
            add(&state.mail)
            return (true, wasEmpty)
        }
        if wakes { event.signal() }
        return isTaken
    }

    func take() -> Mail {
        state.withLock { state in
            defer { state.mail = Mail() }
            return state.mail
        }
    }
}
