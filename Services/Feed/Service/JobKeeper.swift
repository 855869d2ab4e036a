internal import Observability
internal import Store

/// What jobs need beside the owners of lanes: discards, a bounded step at a time, each one statement that also keeps where the
/// next one begins; and the end of cursors that have nothing more to do. Any number of processes may run this and any of them
/// may die.
struct JobKeeper: Sendable {
    let jobs: JobStore
    let metrics: DeadLetterMetrics
    let log: LimitedLogger
    private let wakeUp = WakeSignal()

    /// Letters that a step looks at.
    private static let step = 500
    /// Between two looks for what another process was asked for and did not finish, and for webhooks that were paused.
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
                try await jobs.stopCursors()
                while let count = try await jobs.stepDiscard(limit: Self.step) {
                    metrics.discarded.increment(by: count)
                    if Task.isCancelled { return }
                }
            } catch {
                // Where it was it will go on.
                log.warning("jobs-not-kept", ["reason": .describing(error)])
            }
            await wakeUp.wait(atMost: Self.interval)
        }
    }
}
