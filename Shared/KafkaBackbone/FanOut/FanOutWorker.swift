internal import Backbone
internal import Database
internal import EventModel
internal import Observability
internal import Store
internal import Synchronization

/// The one task that takes partitions, stores, reads and records for a fan-out: whatever it does is in order.
final class FanOutWorker {
    let configuration: KafkaBackboneConfiguration
    let consumer: KafkaConsumer
    let shared: FanOutShared
    let pool: ConnectionPool
    let feedWake: FeedWake
    let logger: Logger
    let parked: Counter
    let auditLost: Counter
    let storeSeconds: Histogram
    private let taker: PartitionTaker
    private var cache = TextCache()
    private var pace = Pace.ofRequests(longest: .milliseconds(10))
    private var lastRecord = ContinuousClock.now
    private var lastHeadLook = ContinuousClock.now
    private var stopBy: ContinuousClock.Instant?

    /// How soon a call that failed is made again.
    static let retryPause: Duration = .milliseconds(200)
    /// How soon parts whose position is outside of their log are looked at again.
    private static let rangePause: Duration = .seconds(5)
    /// `fanned` is recorded this soon where no store call carries it.
    private static let recordInterval: Duration = .milliseconds(100)
    /// How often parts without events are moved to the feed's head.
    private static let headInterval: Duration = .seconds(10)
    /// Rows of one read of the feed, with their envelopes.
    private static let readRows = 500

    init(
        _ configuration: KafkaBackboneConfiguration, consumer: KafkaConsumer, shared: FanOutShared, logger: Logger,
        metrics: MetricsRegistry
    ) throws(KafkaError) {
        self.configuration = configuration
        self.consumer = consumer
        self.shared = shared
        self.logger = logger
        var database = configuration.database
        database.connections = 1
        pool = ConnectionPool(database, name: "store", logger: logger, metrics: metrics)
        taker = PartitionTaker(
            pool: pool, admin: try KafkaAdmin(configuration.connection, log: logger, metrics: metrics),
            topic: Topic.events, kafkaTopic: configuration.topics.events, logger: logger)
        feedWake = FeedWake(configuration.database, logger: logger, metrics: metrics)
        storeSeconds = metrics.histogram(
            "fanfare_store_seconds", "From an event's record in the log to its place on the feed.",
            buckets: Histogram.latencyBuckets)
        parked = metrics.counter(
            "fanfare_parked_records_total", "Log records that cannot be stored and were set aside.",
            labels: [("topic", Topic.events)])
        auditLost = metrics.counter(
            "fanfare_event_audit_lost_total",
            "Audit rows of requests that came with events and could not be read or stored; the events were.")
    }

    /// Works until the fan-out is shut down and what is out is completed, or it is given up.
    func run() async {
        while true {
            await handBackDrained()
            let state = shared.state.withLock { ($0.isAbandoned, $0.isStopping, $0.isAllCompleted) }
            if state.0 || Task.isCancelled { return }
            if state.1 {
                let deadline = stopBy ?? .now + configuration.window.drain
                stopBy = deadline
                if state.2 || ContinuousClock.now >= deadline { return await recordFanned() }
                await shared.wake.wait(atMost: ContinuousClock.now.duration(to: deadline))
                continue
            }
            let untaken = shared.state.withLock { $0.untaken(at: .now) }
            if !untaken.isEmpty {
                await take(untaken)
            } else if shared.state.withLock({ $0.hasRoom && $0.hasRecords }) {
                let stored = await storePending()
                if let rest = pace.rest(after: stored, at: .now) { await WakeSignal().wait(atMost: rest) }
            } else {
                await rest()
            }
        }
    }

    func shutdown() async {
        taker.admin.shutdown()
        await pool.shutdown()
    }

    private func rest() async {
        let (isBehind, deadline) = shared.state.withLock { (!$0.unrecorded.isEmpty, $0.nextDeadline) }
        var limit = isBehind ? Self.recordInterval : Self.headInterval
        if let deadline { limit = max(.zero, min(limit, ContinuousClock.now.duration(to: deadline))) }
        let isWoken = await shared.wake.wait(atMost: limit)
        if !isWoken || lastRecord.duration(to: .now) >= Self.recordInterval * 2 { await recordFanned() }
        if !isWoken, lastHeadLook.duration(to: .now) >= Self.headInterval { await moveIdleParts() }
    }

    func pause() async {
        await WakeSignal().wait(atMost: Self.retryPause)
    }

    // MARK: Ownership

    private func take(_ parts: [Int]) async {
        do {
            let taken = try await taker.take(parts)
            shared.state.withLock { state in
                for position in taken.positions { state.took(position) }
                state.postponeTaking(taken.outOfRange, until: .now + Self.rangePause)
            }
            await catchUp(taken.positions.map(\.part), upTo: .max, isJoining: true)
            for position in taken.positions { start(position) }
        } catch {
            logger.warning("partitions not taken", ["topic": "events", "reason": .describing(error)])
            shared.state.withLock { $0.postponeTaking(parts, until: .now + Self.retryPause) }
        }
    }

    private func start(_ position: PartPosition) {
        let claim = shared.state.withLock { state -> (PartitionClaim, isStarted: Bool)? in
            guard state.owns(position.part, epoch: position.epoch), let part = state.parts[position.part] else {
                return nil
            }
            state.started(position.part)
            return (part.claim, part.isStarted)
        }
        guard let claim else { return }
        if claim.isStarted {
            turnBack(claim.0, to: position.stored)
        } else {
            consumer.start([(claim.0, .offset(position.stored))])
        }
    }

    /// Reads a partition again from `offset`.
    func turnBack(_ claim: PartitionClaim, to offset: Int64) {
        consumer.hold(claim, at: offset)
        consumer.release(claim)
    }

    /// Hands back what is to leave and has nothing out any more.
    private func handBackDrained() async {
        let (claims, areUnrecorded) = shared.state.withLock { state in
            let claims = state.leaving(at: .now)
            return (claims, claims.contains { state.unrecorded.contains(Int($0.partition)) })
        }
        guard !claims.isEmpty else { return }
        if areUnrecorded { await recordFanned() }
        shared.state.withLock { $0.lose(claims) }
        consumer.handBack(claims)
    }

    // MARK: Reading the feed

    /// Hands out the rows of `parts` that are on the feed and in no batch yet: what an earlier owner left, or what a
    /// store call without an answer wrote.
    func catchUp(_ parts: [Int], upTo: Int64, isJoining: Bool) async {
        var after = shared.state.withLock { state in parts.compactMap { state.parts[$0]?.readTo }.min() ?? 0 }
        while await waitForRoom() {
            let owned = shared.state.withLock { $0.owned(parts).map(\.part) }
            if owned.isEmpty || after >= upTo { return }
            do {
                let rows = try await pool.execute(
                    FeedRowsStatement.withEnvelopes,
                    FeedRowsStatement.parameters(after: after, upTo: upTo, parts: owned, limit: Self.readRows))
                let answer = FeedRowsStatement.answer(rows, upTo: upTo, limit: Self.readRows, cache: &cache)
                let isLast = answer.events.count < Self.readRows
                hand { state in
                    state.made(
                        answer.events.filter { $0.pos > state.parts[$0.part]?.readTo ?? .max }.map(FeedRow.init),
                        parts: owned, readTo: answer.readTo, configVersion: answer.configVersion,
                        joining: isLast && isJoining ? owned : [])
                }
                if isLast { return }
                after = answer.readTo
            } catch {
                logger.warning("feed not read", ["reason": .describing(error)])
                await pause()
            }
        }
    }

    func hand(_ make: (inout FanOutState) -> (waiter: FanOutState.Waiter, batch: FanOutBatch)?) {
        let handOver = shared.state.withLock { make(&$0) }
        if let handOver { handOver.waiter.resume(returning: handOver.batch) }
    }

    /// False when the fan-out is ending.
    func waitForRoom() async -> Bool {
        while true {
            let (isEnding, hasRoom) = shared.state.withLock { ($0.isEnding, $0.hasRoom) }
            if isEnding || Task.isCancelled { return false }
            if hasRoom { return true }
            await shared.wake.wait(atMost: .milliseconds(100))
            await handBackDrained()
        }
    }

    // MARK: Recording

    private func recordFanned() async {
        lastRecord = .now
        let owned = shared.state.withLock { state -> (parts: [OwnedPart], fanned: Int64)? in
            state.takeFanned(storing: []).map { (state.owned($0.parts), $0.fanned) }
        }
        guard let owned, !owned.parts.isEmpty else { return }
        do {
            let rows = try await pool.execute(
                RecordFannedStatement.statement,
                RecordFannedStatement.parameters(topic: Topic.events, owned: owned.parts, fanned: owned.fanned))
            let refused = RecordFannedStatement.refused(rows)
            guard !refused.isEmpty else { return }
            shared.state.withLock { state in
                state.notRecorded(owned.parts.map(\.part))
                state.refused(refused, at: .now)
            }
        } catch {
            logger.warning("fan-out not recorded", ["reason": .describing(error)])
            shared.state.withLock { $0.notRecorded(owned.parts.map(\.part)) }
        }
    }

    /// Parts without events move too, or a takeover would read far back.
    private func moveIdleParts() async {
        lastHeadLook = .now
        guard shared.state.withLock({ $0.isAllCompleted && $0.parts.values.contains(where: \.isCurrent) }) else {
            return
        }
        do {
            let rows = try await pool.execute(
                FeedRowsStatement.statement, FeedRowsStatement.parameters(after: 0, upTo: 0, parts: [], limit: 1))
            let answer = FeedRowsStatement.answer(rows, upTo: 0, limit: 1, cache: &cache)
            shared.state.withLock { $0.reachedHead(answer.nextPos - 1) }
            await recordFanned()
        } catch {
            logger.debug("feed's head not read", ["reason": .describing(error)])
        }
    }
}

extension FeedRow {
    init(_ event: StoredEvent) {
        self.init(
            pos: event.pos, part: event.part, id: event.id, tenant: event.tenant, type: event.type,
            onlyEndpoint: event.onlyEndpoint, exceptEndpoint: event.exceptEndpoint, recordedAt: event.recordedAt,
            envelope: event.envelope, trace: event.trace)
    }
}
