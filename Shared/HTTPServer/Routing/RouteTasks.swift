internal import Synchronization

/// Asynchronous handlers, each a child task of `run()`; at most `limit` at work or waiting, the next is refused.
final class RouteTasks: Sendable {
    typealias Job = @Sendable () async -> Void

    private let limit: Int
    private let open = Atomic<Int>(0)
    private let jobs: AsyncStream<Job>
    private let submission: AsyncStream<Job>.Continuation

    init(limit: Int) {
        self.limit = limit
        // The count below bounds what the stream holds.
        (jobs, submission) = AsyncStream.makeStream(of: Job.self, bufferingPolicy: .unbounded)
    }

    /// - Returns: false when the limit is reached; the job is not run then.
    func submit(_ job: @escaping Job) -> Bool {
        guard open.wrappingAdd(1, ordering: .relaxed).newValue <= limit else {
            open.wrappingSubtract(1, ordering: .relaxed)
            return false
        }
        submission.yield(job)
        return true
    }

    /// Runs jobs until the task is cancelled, and the jobs with it.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await job in jobs {
                group.addTask {
                    await job()
                    self.open.wrappingSubtract(1, ordering: .relaxed)
                }
            }
            group.cancelAll()
        }
    }
}
