internal import Observability
internal import Store

/// Carries out the discards of jobs, a bounded step at a time: each is one statement that also keeps where the next one
/// begins, so any number of processes may run this and any of them may die.
struct DiscardRunner: Sendable {
    let jobs: JobStore
    let metrics: DeadLetterMetrics
    let log: LimitedLogger
    private let wakeUp = WakeSignal()

    /// Letters that a step looks at.
    private static let step = 500
    /// Between two looks for jobs that another process was asked for and did not finish.
    private static let interval: Duration = .seconds(2)

    init(jobs: JobStore, metrics: DeadLetterMetrics, log: LimitedLogger) {
        self.jobs = jobs
        self.metrics = metrics
        self.log = log
    }

    /// There is something to do.
    func wake() { wakeUp.set() }

    /// Until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            do {
                while let count = try await jobs.stepDiscard(limit: Self.step) {
                    metrics.discarded.increment(by: count)
                    if Task.isCancelled { return }
                }
            } catch {
                // Where it was it will go on.
                log.warning("discard-failed", ["reason": .describing(error)])
            }
            await wakeUp.wait(atMost: Self.interval)
        }
    }
}
