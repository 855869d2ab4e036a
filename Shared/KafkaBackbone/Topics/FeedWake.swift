internal import Database
internal import Observability
internal import Store
internal import Synchronization

/// Wakes the readers of the feed after events were stored, and only when one waits: they say so on `feed.idle`. Nobody else
/// listens for what is stored, and most of the time nobody follows the feed.
///
/// The storing transaction never notifies (NOTIFY makes all commits of the database queue): a connection of its own does,
/// once for each time that somebody said "idle".
final class FeedWake: Sendable {
    private static let channel = "feed"
    private static let idleChannel = "feed.idle"

    private let database: DatabaseConfiguration
    private let logger: Logger
    private let metrics: MetricsRegistry
    /// True at first: who waits may have said so before we listened.
    private let somebodyWaits = Atomic(true)
    private let wake = WakeSignal()

    init(_ database: DatabaseConfiguration, logger: Logger, metrics: MetricsRegistry) {
        var database = database
        database.connections = 1
        database.sessionSettings["synchronous_commit"] = "off"
        self.database = database
        self.logger = logger
        self.metrics = metrics
    }

    /// To be called after each commit that stored events.
    func committed() {
        if somebodyWaits.exchange(false, ordering: .acquiringAndReleasing) { wake.set() }
    }

    /// Serves until the task is cancelled.
    func run() async {
        let listener = Listener(
            database, channels: [Self.idleChannel], name: "feed-idle", logger: logger, metrics: metrics,
            onNotify: { [self] _, _ in somebodyWaits.store(true, ordering: .releasing) },
            onReconnect: { [self] in somebodyWaits.store(true, ordering: .releasing) })
        let pool = ConnectionPool(database, name: "feed-wake", logger: logger, metrics: metrics)
        await withTaskGroup { group in
            group.addTask { await listener.run() }
            while !Task.isCancelled {
                guard await wake.wait(atMost: .seconds(3_600)) else { continue }
                do {
                    try await pool.notify(Self.channel)
                } catch {
                    // The reader's own poll finds the rows; the next commit tries again.
                    somebodyWaits.store(true, ordering: .releasing)
                }
            }
            group.cancelAll()
        }
        await pool.shutdown()
    }
}
