internal import Synchronization

/// A count that falls to zero, and those who wait for it.
package final class Latch: Sendable {
    private struct State {
        var count: Int
        var waiting: [UnsafeContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    package init(_ count: Int = 1) {
        state = Mutex(State(count: count))
    }

    /// Counts down; further calls at zero change nothing.
    package func countDown() {
        let waiting = state.withLock { state in
            if state.count > 0 { state.count -= 1 }
            guard state.count == 0 else { return [UnsafeContinuation<Void, Never>]() }
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Returns when the count is zero. Cancellation does not shorten it.
    package func wait() async {
        await withUnsafeContinuation { continuation in
            let isOpen = state.withLock { state in
                if state.count > 0 { state.waiting.append(continuation) }
                return state.count == 0
            }
            if isOpen { continuation.resume() }
        }
    }
}
