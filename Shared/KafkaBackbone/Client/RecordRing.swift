internal import Synchronization

/// Records between the polling thread and the one task that takes them; bounded in bytes by the polling thread, which
/// pauses when `put` says full and goes on when `onHalfEmpty` is called.
final class RecordRing: Sendable {
    private struct State {
        var chunks: [RecordChunk] = []
        /// Chunks before it were taken; the array is cut when half of it was.
        var first = 0
        var bytes = 0
        var isFull = false
        var hasEnded = false
        var waiting: CheckedContinuation<RecordChunk?, Never>?

        mutating func popFirst() -> RecordChunk? {
            guard first < chunks.count else { return nil }
            let chunk = chunks[first]
            bytes -= chunk.cost
            first += 1
            if first * 2 >= chunks.count {
                chunks.removeFirst(first)
                first = 0
            }
            return chunk
        }
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    var bytes: Int { state.withLock { $0.bytes } }

    /// Polling thread. Returns true when the ring is full with it.
    func put(_ chunk: RecordChunk) -> Bool {
        let (waiting, isFull) = state.withLock { state -> (CheckedContinuation<RecordChunk?, Never>?, Bool) in
            if let waiting = state.waiting.take() { return (waiting, false) }
            state.chunks.append(chunk)
            state.bytes += chunk.cost
            if state.bytes >= limit { state.isFull = true }
            return (nil, state.isFull)
        }
        waiting?.resume(returning: chunk)
        return isFull
    }

    /// The next records; nil once it has ended or the task is cancelled. For one task at a time.
    ///
    /// - Parameter onHalfEmpty: called when a full ring has become half empty.
    func next(onHalfEmpty: () -> Void) async -> RecordChunk? {
        let (ready, isHalfEmpty, hasEnded) = state.withLock { state -> (RecordChunk?, Bool, Bool) in
            let ready = state.popFirst()
            let isHalfEmpty = state.isFull && state.bytes <= limit / 2
            if isHalfEmpty { state.isFull = false }
            return (ready, isHalfEmpty, state.hasEnded)
        }
        if isHalfEmpty { onHalfEmpty() }
        if ready != nil || hasEnded { return ready }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: RecordChunk?? = state.withLock { state in
                    if let ready = state.popFirst() { return .some(ready) }
                    if state.hasEnded || Task.isCancelled { return .some(nil) }
                    precondition(state.waiting == nil, "records are taken by one task")
                    state.waiting = continuation
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            state.withLock { $0.waiting.take() }?.resume(returning: nil)
        }
    }

    /// Whether a task waits for records.
    var hasWaiting: Bool { state.withLock { $0.waiting != nil } }

    /// Whether a full ring is still more than half full.
    var isFull: Bool { state.withLock { $0.isFull } }

    /// Forgets records that are not to be handed on any more.
    func keep(where isKept: (RecordChunk.Entry) -> Bool) {
        state.withLock { state in
            state.chunks = state.chunks[state.first...].compactMap { $0.filtered(isKept) }
            state.first = 0
            state.bytes = state.chunks.reduce(0) { $0 + $1.cost }
            if state.bytes <= limit / 2 { state.isFull = false }
        }
    }

    /// Nothing more will come; what is there is thrown away.
    func end() {
        state.withLock { state in
            state.hasEnded = true
            state.chunks = []
            state.first = 0
            state.bytes = 0
            return state.waiting.take()
        }?.resume(returning: nil)
    }
}
