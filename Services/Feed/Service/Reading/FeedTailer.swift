internal import Database
internal import Observability
internal import Store

/// Reads the feed once for all live readers of the process, while there are any.
struct FeedTailer: Sendable {
    let hub: FeedHub
    let tail: FeedTail
    let feed: FeedQueries
    let database: any StatementExecutor
    /// Where the writers want to know that somebody waits: the next one notifies after its commit.
    let idleChannel: String?
    let metrics: FeedMetrics
    let log: LimitedLogger

    /// Rows and bytes of one read.
    private static let batchRows = 500
    private static let batchBytes = 2 << 20
    /// How long a notification may be missing before we look ourselves.
    private static let fallbackPoll: Duration = .milliseconds(50)
    private static let restPoll: Duration = .seconds(5)
    private static let retryInterval: Duration = .milliseconds(250)
    static let heartbeatInterval: Duration = .seconds(15)

    /// Serves until the task is cancelled.
    func run() async {
        var nextHeartbeat = ContinuousClock.now + Self.heartbeatInterval
        /// Whether the writers know that we wait.
        var isAnnounced = false
        while !Task.isCancelled {
            if ContinuousClock.now >= nextHeartbeat {
                hub.sendHeartbeats()
                nextHeartbeat = .now + Self.heartbeatInterval
            }
            do {
                switch hub.nextDuty(now: .now) {
                case .rest: await hub.wake.wait(atMost: Self.restPoll)
                case .begin: hub.begin(at: try await feed.head().head)
                case .read(let after):
                    let batch = try await tail.read(after: after, limit: Self.batchRows, bytes: Self.batchBytes)
                    hub.publish(batch)
                    metrics.tailed.increment(by: batch.items.count)
                    metrics.lag.set(Double(batch.head.next - 1 - batch.edge))
                    guard batch.items.isEmpty || batch.edge >= batch.head.next - 1 else { continue }
                    if let idleChannel, !isAnnounced {
                        // And look once more: what was written before the announcement notifies nobody.
                        try await database.notify(idleChannel)
                        isAnnounced = true
                    } else if await hub.wake.wait(atMost: Self.fallbackPoll) {
                        isAnnounced = false
                    }
                }
            } catch {
                log.warning("feed-not-tailed", ["reason": .describing(error)])
                isAnnounced = false
                await hub.wake.wait(atMost: Self.retryInterval)
            }
        }
    }
}
