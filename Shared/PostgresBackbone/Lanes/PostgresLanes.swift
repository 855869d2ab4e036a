public import Backbone
internal import Database
public import EventModel
public import Observability
internal import Store

/// The delivery lanes on Postgres alone: lane rows point to the feed, waiting attempts lie in one small table, and one
/// call records a batch of outcomes with the positions behind them.
///
/// One thread reads, one records, one renews the leases. Everything that is out is bounded by
/// `PostgresBackboneConfiguration.Window`.
public final class PostgresLanes: DeliveryLanes {
    private let configuration: PostgresBackboneConfiguration
    private let clock: any WallClock
    private let logger: Logger
    private let metrics: MetricsRegistry
    private let state: Monitor<LanesState>
    private let view: LeaseView
    private let ended = Latch(3)
    private let cancellers = (reader: Canceller(), settler: Canceller())

    public init(
        _ configuration: PostgresBackboneConfiguration, clock: any WallClock = SystemClock(), logger: Logger,
        metrics: MetricsRegistry
    ) {
        self.configuration = configuration
        self.clock = clock
        self.logger = logger
        self.metrics = metrics
        state = Monitor(LanesState(lanes: configuration.lanePartitions))
        view = LeaseView(parts: configuration.lanePartitions)
        metrics.observedGauge(
            "fanfare_lanes_window_records", "Records of the lanes between the oldest open one and the newest.",
            read: { [state] in Double(state.withLock(\.span)) })
        metrics.gauge("fanfare_lanes_window_limit", "Records that the window of the lanes holds at most.").set(
            Double(configuration.window.records))
        metrics.observedGauge(
            "fanfare_delivery_oldest_undelivered_seconds",
            "Age of the oldest delivery that this process has begun and not finished."
        ) { [state] in
            guard let oldest = state.withLock(\.oldestDelivery) else { return 0 }
            return max(0, Double(clock.now().microseconds(since: oldest)) / 1_000_000)
        }
        metrics.observedGauge(
            "fanfare_lanes_due_held", "Waiting attempts that are out or in memory.",
            read: { [state] in Double(state.withLock(\.due.count)) })
    }

    /// The lease was renewed in time: what this process does not own, others do.
    public var isReady: Bool { view.isCurrent() }

    public func mayDeliver(lane: Int, epoch: Int64) -> Bool { view.holds(lane, epoch: epoch) }

    public func run() async throws {
        let drain = configuration.window.drain
        let keeper = LeaseKeeper(
            configuration, topic: Topic.deliveries, parts: configuration.lanePartitions, view: view, logger: logger,
            metrics: metrics
        ) { [state] held in
            let waiting = state.update(ringing: .everyone) { state in
                state.update(held, drainUntil: .now + drain)
                state.isWoken = true
                return state.takeWaiter(at: .now)
            }
            if let waiting { waiting.waiter.resume(returning: waiting.signals) }
            return []
        }
        let listener = Listener(
            configuration.database,
            channels: [Topic.deliveries, LeaseStatement.channel(topic: Topic.deliveries)], name: "lanes-wake",
            logger: logger, metrics: metrics
        ) { [self] channel, payload in
            if channel == Topic.deliveries {
                state.update(ringing: .reader) { $0.isWoken = true }
            } else if payload != configuration.member {
                keeper.hurry()
            }
        } onReconnect: { [state] in
            state.update(ringing: .reader) { $0.isWoken = true }
            keeper.hurry()
        }
        start(keeper)
        await withTaskCancellationHandler {
            await withTaskGroup { group in
                group.addTask { await listener.run() }
                await ended.wait()
                group.cancelAll()
            }
        } onCancel: {
            giveUp(keeper)
        }
    }

    public func shutdown() async {
        let waiter = state.update(ringing: .everyone) { state in
            state.stop(until: .now + configuration.window.drain)
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: nil)
        await ended.wait()
    }

    private func giveUp(_ keeper: LeaseKeeper) {
        let (waiter, settling) = state.update(ringing: .everyone) { state in
            state.isAbandoned = true
            defer {
                state.waiter = nil
                state.settling = []
            }
            return (state.waiter, state.settling)
        }
        waiter?.resume(returning: nil)
        for continuation in settling { continuation.resume() }
        keeper.abandon()
        cancellers.reader.cancel()
        cancellers.settler.cancel()
    }

    // MARK: The threads

    private func start(_ keeper: LeaseKeeper) {
        let orphans = metrics.counter(
            "fanfare_lanes_orphans_total", "Deliveries whose event had gone with its retention.")
        let parked = metrics.counter(
            "fanfare_lanes_unaudited_total", "Outcomes whose audit row the store could not hold.")
        start("pg-lanes-lease") { keeper.serve() }
        start("pg-lanes-read") { [self] in
            var database = configuration.database
            database.sessionSettings.merge(PostgresFanOut.readerSettings) { $1 }
            let connection = BlockingConnection(
                database, name: "lanes-read", logger: logger, metrics: metrics, canceller: cancellers.reader)
            LanesReader(
                configuration, state: state, connection: connection, clock: clock, logger: logger, orphans: orphans
            ).serve()
            state.update(ringing: .writer) { $0.isReaderDone = true }
        }
        start("pg-lanes-settle") { [self] in
            var database = configuration.database
            // With its arrays in hand a plan of its own looks better at each call than the one there is, and making it takes
            // a quarter of a millisecond. Kept plans go by index, however small the tables were when they were made.
            database.sessionSettings.merge(PostgresFanOut.indexSettings) { $1 }
            database.sessionSettings["plan_cache_mode"] = "force_generic_plan"
            let connection = BlockingConnection(
                database, name: "lanes-settle", logger: logger, metrics: metrics,
                canceller: cancellers.settler)
            LanesSettler(
                configuration, state: state, connection: connection, clock: clock, logger: logger, parked: parked,
                drained: { [view, state] lanes in
                    for lane in lanes { view.lost(lane.part, epoch: lane.epoch) }
                    // At the end everything is given back at once.
                    if !state.withLock(\.isEnding) { keeper.release(lanes.map(\.part)) }
                },
                lost: { [view] lanes in
                    for lane in lanes { view.lost(lane.part, epoch: lane.epoch) }
                    keeper.hurry()
                }
            ).serve()
            endSettling()
            keeper.leave()
        }
    }

    private func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
        NamedThread.start(name) { [ended] in
            body()
            ended.countDown()
        }
    }

    private func endSettling() {
        let settling = state.withLock { state in
            defer { state.settling = [] }
            return state.settling
        }
        for continuation in settling { continuation.resume() }
    }

    // MARK: The worker's side

    public func receive() async throws -> LaneSignals? {
        await withTaskCancellationHandler {
            // Unsafe only in name: whoever takes the waiter out of the state resumes it, once.
            await withUnsafeContinuation { (continuation: LanesState.Waiter) in
                let answer = state.withLock { state -> LaneSignals?? in
                    if state.isEnding || Task.isCancelled { return .some(nil) }
                    if let signals = state.takeSignals(at: .now) { return signals }
                    precondition(state.waiter == nil, "one worker waits at a time")
                    state.waiter = continuation
                    return nil
                }
                if case .some(let signals) = answer { continuation.resume(returning: signals) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume(returning: nil)
        }
    }

    public func settle(_ outcomes: [LaneOutcome]) async throws {
        if outcomes.isEmpty { return }
        let isFull = state.update(ringing: .writer) { state in
            if state.isAbandoned { return false }
            state.outcomes.append(contentsOf: outcomes)
            return state.outcomes.count >= configuration.window.outcomes
        }
        guard isFull else { return }
        await withUnsafeContinuation { continuation in
            let isOver = state.withLock { state in
                if state.isAbandoned || state.outcomes.count < configuration.window.outcomes { return true }
                state.settling.append(continuation)
                return false
            }
            if isOver { continuation.resume() }
        }
    }
}
