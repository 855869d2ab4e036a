internal import Database
public import Observability
internal import Synchronization

/// Keeps a copy of the webhooks' revisions in memory up to date: at once by NOTIFY, and by a poll in case one was missed.
public final class RevisionFollower: Sendable {
    /// The channel that `revise_webhook_v1` notifies.
    public static let channel = "fanfare_config"
    /// How long a change may go unnoticed when its notification was lost.
    static let pollInterval: Duration = .seconds(1)
    /// Between attempts while Postgres is away.
    static let retryInterval: Duration = .milliseconds(200)

    private let store: RevisionStore
    private let apply: @Sendable (RevisionStore.Changes) -> Void
    private let logger: Logger
    private let age = SnapshotAge()
    private let state = Mutex(State())
    /// Pages of two readings would mix.
    private let turns = Turns()
    private let wake: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation

    private struct State {
        var version: Int64 = 0
        var isLoaded = false
    }

    /// - Parameter apply: Takes changes in order of version, a page at a time and one call after the other; may see a
    ///   revision twice. A page that is the first of all begins a reading of everything, at the start and after the
    ///   database was restored or failed over: what is in none of its pages matters no more.
    public init(store: RevisionStore, logger: Logger, apply: @escaping @Sendable (RevisionStore.Changes) -> Void) {
        self.store = store
        self.logger = logger
        self.apply = apply
        (wake, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Tells the age and version of the snapshot.
    public func tell(_ metrics: MetricsRegistry) {
        age.tell(metrics, snapshot: "webhooks")
        metrics.observedGauge(
            "fanfare_configuration_version", "Version of the webhooks' configuration that this process knows."
        ) { [weak self] in Double(self?.version ?? 0) }
    }

    /// True once everything was loaded at least once.
    public var isLoaded: Bool { state.withLock { $0.isLoaded } }

    /// The version up to which everything is known.
    public var version: Int64 { state.withLock { $0.version } }

    /// Call on each notification on `channel`.
    public func changed() {
        waker.yield()
    }

    /// Follows until the task is cancelled.
    public func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: Self.pollInterval)
                    self.waker.yield()
                }
            }
            waker.yield()
            for await _ in wake {
                do {
                    try await refresh()
                } catch {
                    logger.warning("configuration-not-read", ["error": .describing(error)])
                }
            }
            group.cancelAll()
        }
    }

    /// Returns when everything up to `version` is known: whoever holds a record of that version waits here.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    public func reach(_ version: Int64) async throws {
        while !knows(version) {
            do {
                try await refresh(unlessKnown: version)
            } catch {
                try await Task.sleep(for: Self.retryInterval)
            }
        }
    }

    private func knows(_ version: Int64) -> Bool { state.withLock { $0.isLoaded && $0.version >= version } }

    private func refresh(unlessKnown wanted: Int64? = nil) async throws(DatabaseError) {
        try await turns.take { () async throws(DatabaseError) in
            if let wanted, knows(wanted) { return }
            let asked = ContinuousClock.now
            let known = try await store.read(since: version, apply)
            age.confirm(at: asked)
            state.withLock { state in
                state.version = max(state.version, known)
                state.isLoaded = true
            }
        }
    }
}
