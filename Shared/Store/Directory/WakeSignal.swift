internal import Synchronization

/// A flag that one task waits for and anybody sets; setting it several times before it is seen counts once.
///
/// Nothing is lost: a signal that comes while nobody waits is found by the next wait.
public final class WakeSignal: Sendable {
    private struct State {
        var isSet = false
        /// Numbers the waits, so that a limit ends no wait but its own.
        var waits: UInt64 = 0
        /// The last wait whose limit passed before it could park.
        var expired: UInt64 = 0
        var waiter: CheckedContinuation<Bool, Never>?
    }

    private let state = Mutex(State())

    public init() {}

    /// Wakes whoever waits, or the next one who will.
    public func set() {
        let waiter = state.withLock { state in
            guard let waiter = state.waiter else {
                state.isSet = true
                return CheckedContinuation<Bool, Never>?.none
            }
            state.waiter = nil
            return waiter
        }
        waiter?.resume(returning: true)
    }

    /// Waits for a signal, at most `limit`; for one task at a time.
    ///
    /// - Returns: whether there was a signal; false after the limit, and when the task is cancelled.
    @discardableResult
    public func wait(atMost limit: Duration) async -> Bool {
        if state.withLock({ take(&$0) }) { return true }
        return await withTaskGroup(of: Void.self) { group in
            let number = state.withLock { state in
                state.waits += 1
                return state.waits
            }
            group.addTask { [self] in
                // An error means that the wait is over already, or that the whole task is cancelled: the end either way.
                try? await ContinuousClock().sleep(for: limit)
                giveUp(number)
            }
            let isSet = await park()
            group.cancelAll()
            return isSet
        }
    }

    private func take(_ state: inout State) -> Bool {
        defer { state.isSet = false }
        return state.isSet
    }

    private func park() async -> Bool {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    precondition(state.waiter == nil, "one task at a time waits for a signal")
                    if take(&state) { return true }
                    if Task.isCancelled || state.expired == state.waits { return false }
                    state.waiter = continuation
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume(returning: false)
        }
    }

    /// The limit of wait `number` is over; a later wait has a limit of its own.
    private func giveUp(_ number: UInt64) {
        let waiter = state.withLock { state in
            guard state.waits == number else { return CheckedContinuation<Bool, Never>?.none }
            state.expired = number
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: false)
    }
}
