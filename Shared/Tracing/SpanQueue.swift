internal import Synchronization

/// Spans that wait to be exported: bounded, and never in the way of whoever adds one.
final class SpanQueue: Sendable {
    private struct State {
        var spans: [TraceSpan] = []
        var waiter: CheckedContinuation<Void, Never>?
        var isClosed = false
    }

    /// Beyond it spans are dropped.
    let capacity: Int
    /// From so many on the exporter is woken before its time.
    private let batch: Int
    private let state = Mutex(State())

    init(capacity: Int, batch: Int) {
        self.capacity = capacity
        self.batch = batch
    }

    /// - Returns: False when it was dropped.
    func add(_ span: TraceSpan) -> Bool {
        let (isTaken, waiter) = state.withLock { state -> (Bool, CheckedContinuation<Void, Never>?) in
            guard !state.isClosed, state.spans.count < capacity else { return (false, nil) }
            state.spans.append(span)
            return (true, state.spans.count >= batch ? state.waiter.take() : nil)
        }
        waiter?.resume()
        return isTaken
    }

    /// Up to `batch` of them.
    func take() -> [TraceSpan] {
        state.withLock { state in
            let taken = Array(state.spans.prefix(batch))
            state.spans.removeFirst(taken.count)
            return taken
        }
    }

    var isClosed: Bool { state.withLock(\.isClosed) }

    /// Returns when a batch is full, the queue closed, or somebody called `wake`.
    func waitForBatch() async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.isClosed || state.spans.count >= batch { return true }
                state.waiter = continuation
                return false
            }
            if isReady { continuation.resume() }
        }
    }

    /// Returns when the queue is closed; for a tracer that is off.
    func waitForClose() async {
        while !isClosed { await waitForBatch() }
    }

    func wake() { state.withLock { $0.waiter.take() }?.resume() }

    /// Takes nothing more.
    func close() {
        let waiter = state.withLock { state in
            state.isClosed = true
            return state.waiter.take()
        }
        waiter?.resume()
    }
}
