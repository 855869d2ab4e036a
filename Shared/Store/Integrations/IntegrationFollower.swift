internal import Database
public import Observability
internal import Synchronization

/// Keeps a copy of all integrations in memory up to date: at once by NOTIFY, and by a poll in case one was missed. A change
/// is read alone; nothing is loaded twice.
///
///     let follower = IntegrationFollower(store: store, logger: logger) { book.apply($0) }
///     Listener(…, channels: [IntegrationFollower.channel], onNotify: { _, _ in follower.changed() }, …)
///     await follower.run()
public final class IntegrationFollower: Sendable {
    /// Where the database tells of changes.
    public static let channel = "fanfare_integrations"
    /// How long a change may go unnoticed when its notification was lost.
    private static let pollInterval: Duration = .milliseconds(500)

    private let store: IntegrationStore
    private let apply: @Sendable (IntegrationStore.Changes) -> Void
    private let log: LimitedLogger
    private let age = SnapshotAge()
    private let state = Mutex(State())
    private let wake = WakeSignal()

    private struct State {
        var version: Int64 = 0
        var isLoaded = false
    }

    /// - Parameter apply: Takes changes in order of version, one call at a time; a page of the first load at a time.
    public init(
        store: IntegrationStore, logger: Logger, apply: @escaping @Sendable (IntegrationStore.Changes) -> Void
    ) {
        self.store = store
        self.apply = apply
        log = logger.limited()
    }

    /// Tells the age of the snapshot.
    public func tell(_ metrics: MetricsRegistry) { age.tell(metrics, snapshot: "integrations") }

    /// True once everything was loaded.
    public var isLoaded: Bool { state.withLock { $0.isLoaded } }

    /// The version up to which everything is known.
    public var version: Int64 { state.withLock { $0.version } }

    /// Call on each notification on `channel`, and when the listener has connected again.
    public func changed() { wake.set() }

    /// Follows until the task is cancelled. While Postgres is away what is known stays.
    public func run() async {
        while !Task.isCancelled {
            do throws(DatabaseError) {
                try await load()
            } catch {
                log.warning("integrations-not-read", ["reason": .describing(error)])
            }
            await wake.wait(atMost: Self.pollInterval)
        }
    }

    /// Reads and applies all there is to know.
    func load() async throws(DatabaseError) {
        while true {
            let asked = ContinuousClock.now
            let changes = try await store.changes(since: version)
            if changes.version > version { apply(changes) }
            state.withLock { state in
                state.version = changes.version
                if !changes.hasMore { state.isLoaded = true }
            }
            if !changes.hasMore { return age.confirm(at: asked) }
        }
    }
}
