internal import Synchronization

/// Requests that must ask the database before they can be judged. At most `limit` wait; the next one is refused.
final class LateRequests: Sendable {
    private let limit: Int
    private let stream: AsyncStream<@Sendable () async -> Void>
    private let continuation: AsyncStream<@Sendable () async -> Void>.Continuation
    private let waiting = Atomic<Int>(0)

    init(limit: Int = 1_000) {
        self.limit = limit
        (stream, continuation) = AsyncStream.makeStream()
    }

    /// False when too many wait.
    func add(_ work: @escaping @Sendable () async -> Void) -> Bool {
        guard waiting.add(1, ordering: .relaxed).newValue <= limit else {
            waiting.subtract(1, ordering: .relaxed)
            return false
        }
        continuation.yield(work)
        return true
    }

    /// Works until closed; a few at a time.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await work in stream {
                group.addTask {
                    await work()
                    self.waiting.subtract(1, ordering: .relaxed)
                }
            }
        }
    }

    func close() {
        continuation.finish()
    }
}
