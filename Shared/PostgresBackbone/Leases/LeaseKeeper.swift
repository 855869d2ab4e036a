internal import Database
internal import Observability
internal import Store

/// Holds a process's share of a topic's partitions: renews, takes what is free, gives back what is asked of it.
///
/// Ownership proper is the epoch in the progress row; the lease only decides who takes it next, and until when its
/// holder may act outside the database (send). The holder's deadline is counted on the monotonic clock from before the
/// renewal was sent, so a process that was stopped, or that Postgres did not answer, finds its time over.
final class LeaseKeeper: Sendable {
    private struct State {
        var release: Set<Int> = []
        var isDue = true
        var isLeaving = false
        var isAbandoned = false
    }

    private let configuration: PostgresBackboneConfiguration
    private let topic: String
    private let parts: Int
    private let logger: Logger
    private let metrics: MetricsRegistry
    private let view: LeaseView
    private let onChange: @Sendable ([LeaseStatement.Held]) -> [Int]
    private let instruments: LeaseInstruments
    private let state = Monitor(State())
    private let canceller = Canceller()

    /// How soon a renewal that failed is tried again.
    private static let retryInterval: Duration = .milliseconds(200)

    /// - Parameter onChange: told what is held after every renewal, on the keeper's thread before the view shows it; answers which
    ///   of it can be given back at once.
    init(
        _ configuration: PostgresBackboneConfiguration, topic: String, parts: Int, view: LeaseView, logger: Logger,
        metrics: MetricsRegistry, onChange: @escaping @Sendable ([LeaseStatement.Held]) -> [Int]
    ) {
        self.configuration = configuration
        self.topic = topic
        self.parts = parts
        self.view = view
        self.logger = logger
        self.metrics = metrics
        self.onChange = onChange
        instruments = LeaseInstruments(metrics, topic: topic, parts: parts, view: view)
    }

    /// Something changed among the members: renews now.
    func hurry() {
        state.update(ringing: .reader) { $0.isDue = true }
    }

    /// Gives partitions back with the next renewal, which is now.
    func release(_ parts: some Sequence<Int>) {
        state.update(ringing: .reader) {
            $0.release.formUnion(parts)
            $0.isDue = true
        }
    }

    /// Gives everything back and ends `serve`.
    func leave() {
        state.update(ringing: .reader) { $0.isLeaving = true }
    }

    /// Ends `serve` at once, as a kill would: the lease runs out by itself.
    func abandon() {
        state.update(ringing: .reader) { $0.isAbandoned = true }
        canceller.cancel()
    }

    /// The thread's body.
    func serve() {
        var database = configuration.database
        // A renewal that takes longer than the lease lasts is of no use; nor must a lost one cost all of it.
        database.statementTimeout = configuration.lease.timeToLive / 3
        database.lockTimeout = configuration.lease.timeToLive / 3
        let connection = BlockingConnection(
            database, name: "\(topic)-lease", logger: logger, metrics: metrics, canceller: canceller)
        var next = ContinuousClock.now
        // A lease that cannot be given back runs out by itself; a shutdown does not wait for a server that is away.
        var leaveAttempts = 5
        while true {
            let asked = state.wait(until: next) { state -> State? in
                guard state.isDue || state.isLeaving || state.isAbandoned else { return nil }
                state.isDue = false
                return state
            }
            let now = asked ?? state.withLock { $0 }
            if now.isAbandoned { return }
            let isDone = renew(connection, releasing: now.release, isLeaving: now.isLeaving)
            if isDone {
                if now.isLeaving { return }
                state.withLock { $0.release.subtract(now.release) }
            }
            if now.isLeaving {
                leaveAttempts -= 1
                if leaveAttempts == 0 { return }
            }
            next = .now + (isDone ? configuration.lease.renewal : min(Self.retryInterval, configuration.lease.renewal))
            if now.isLeaving { pause(until: next) }
        }
    }

    /// Waits for an abandonment only.
    private func pause(until time: ContinuousClock.Instant) {
        _ = state.wait(until: time) { $0.isAbandoned ? true : nil }
    }

    private func renew(_ connection: BlockingConnection, releasing: Set<Int>, isLeaving: Bool) -> Bool {
        let sent = ContinuousClock.now
        do {
            let rows = try connection.execute(
                LeaseStatement.statement,
                LeaseStatement.parameters(
                    topic: topic, member: configuration.member, timeToLive: configuration.lease.timeToLive,
                    parts: parts, release: releasing.sorted(), isLeaving: isLeaving))
            let held = isLeaving ? [] : LeaseStatement.answer(rows)
            instruments.renewed(held, gaveBack: isLeaving ? nil : releasing)
            let unneeded = onChange(held)
            if !unneeded.isEmpty, !isLeaving { release(unneeded) }
            view.renewed(held, until: sent + configuration.lease.timeToLive - configuration.lease.margin)
            return true
        } catch {
            instruments.notRenewed()
            logger.warning("lease not renewed", ["topic": .string(topic), "reason": .describing(error)])
            return false
        }
    }
}
