internal import Backbone
internal import Database
internal import EventModel
public import Observability
internal import Store
internal import Synchronization

/// Writes the audit rows and dead letters that the lanes' records on `audit` ask for, each once by (partition, offset).
/// Runs in delivery processes, any number of them.
///
///     try await projector.run()        // until shutdown()
///     readiness.require { projector.isReady }
public final class AuditProjector: Sendable {
    let configuration: KafkaBackboneConfiguration
    let logger: Logger
    let pool: ConnectionPool
    let state = Mutex(ProjectorState())
    let parked: Counter
    private let metrics: MetricsRegistry
    private let projected: Counter
    private let wake = WakeSignal()
    private let room = WakeSignal()
    private let stop = StopFlag()
    private let ended = StopFlag()

    /// How soon a call that failed is made again.
    private static let retryPause: Duration = .milliseconds(200)
    /// How soon parts whose position is outside of their log are looked at again.
    private static let rangePause: Duration = .seconds(5)
    /// The longest without a look at the parts.
    private static let restInterval: Duration = .seconds(5)

    public init(_ configuration: KafkaBackboneConfiguration, logger: Logger, metrics: MetricsRegistry) {
        self.configuration = configuration
        self.logger = logger
        self.metrics = metrics
        var database = configuration.database
        database.connections = 1
        pool = ConnectionPool(database, name: "projector", logger: logger, metrics: metrics)
        projected = metrics.counter("fanfare_projected_records_total", "Audit records written to the database.")
        parked = metrics.counter(
            "fanfare_parked_records_total", "Log records that cannot be stored and were set aside.",
            labels: [("topic", Topic.audit)])
    }

    /// False while a position lies outside of its log: somebody made the topic or the database anew.
    public var isReady: Bool { state.withLock { $0.isSettled && !$0.isStopping } }

    /// Projects until `shutdown`; cancelling the task gives up at once.
    public func run() async throws {
        defer { ended.set() }
        do throws(KafkaError) {
            try await ClusterStart.prepare(configuration, producing: [], stop: stop, logger: logger, metrics: metrics)
        } catch {
            if error.code == .closed { return }
            throw error
        }
        let consumer = try KafkaConsumer(
            configuration.consumer(
                group: "projector", role: "projector", topic: configuration.topics.audit, drain: Self.drain),
            log: logger, metrics: metrics)
        let admin = try KafkaAdmin(configuration.connection, log: logger, metrics: metrics)
        let taker = PartitionTaker(
            pool: pool, admin: admin, topic: Topic.audit, kafkaTopic: configuration.topics.audit, logger: logger)
        let ownerships = tell(metrics, of: consumer)
        await withTaskGroup { group in
            group.addTask { await self.follow(consumer, ownerships) }
            group.addTask { await self.takeIn(consumer) }
            group.addTask { await self.work(consumer, taker) }
            await stop.wait()
            if Task.isCancelled { Task.detached { await consumer.shutdown() } } else { await consumer.shutdown() }
            group.cancelAll()
        }
        admin.shutdown()
        await pool.shutdown()
    }

    /// A call under way is fenced by its epoch: nothing is to be waited for.
    private static let drain: Duration = .milliseconds(500)

    public func shutdown() async {
        state.withLock { $0.isStopping = true }
        wake.set()
        stop.set()
        await ended.wait()
    }

    // MARK: Tasks

    private func tell(_ metrics: MetricsRegistry, of consumer: KafkaConsumer) -> OwnershipMetrics {
        metrics.observedLag(of: .project) { [weak self, weak consumer] in
            guard let self else { return [] }
            return state.withLock { state in
                state.lag(at: SystemClock().now()) { claim in consumer?.end(of: claim) }
            }
        }
        return OwnershipMetrics(metrics, stage: .project, partitions: configuration.topics.auditPartitions) {
            [weak self] in
            self?.state.withLock(\.parts.count) ?? 0
        }
    }

    private func follow(_ consumer: KafkaConsumer, _ ownerships: OwnershipMetrics) async {
        while let change = await consumer.nextRebalance() {
            logger.rebalanced("projector", change)
            ownerships.count(change)
            switch change {
            case .assigned(let claims): state.withLock { $0.assign(claims) }
            case .revoked(let claims):
                state.withLock { $0.lose(claims) }
                consumer.handBack(claims)
            case .lost(let claims): state.withLock { $0.lose(claims) }
            }
            wake.set()
        }
    }

    private func takeIn(_ consumer: KafkaConsumer) async {
        while let records = await consumer.nextRecords() {
            var isFull = state.withLock { state in
                state.add(records)
                return state.isFull
            }
            wake.set()
            while isFull, !Task.isCancelled {
                await room.wait(atMost: .seconds(1))
                isFull = state.withLock(\.isFull)
            }
        }
    }

    private func work(_ consumer: KafkaConsumer, _ taker: PartitionTaker) async {
        var isBusy = false
        while !Task.isCancelled, !state.withLock(\.isStopping) {
            let untaken = state.withLock { $0.untaken(at: .now) }
            if !untaken.isEmpty {
                await take(untaken, consumer, taker)
                continue
            }
            guard state.withLock({ $0.pending > 0 }) else {
                isBusy = false
                await rest()
                continue
            }
            await gather(isBusy)
            isBusy = await projectPending(consumer)
        }
    }

    private func rest() async {
        var limit = Self.restInterval
        if let next = state.withLock(\.nextTaking) {
            limit = max(.zero, min(limit, ContinuousClock.now.duration(to: next)))
        }
        await wake.wait(atMost: limit)
    }

    /// Waits for more, as long as it is worth a statement's cost.
    private func gather(_ isBusy: Bool) async {
        let bounds = configuration.projection
        let until = ContinuousClock.now + (isBusy ? bounds.linger : bounds.idleLinger)
        while state.withLock({ $0.pending < bounds.batchRecords && !$0.isStopping }), !Task.isCancelled {
            let left = ContinuousClock.now.duration(to: until)
            guard left > .zero else { return }
            await wake.wait(atMost: left)
        }
    }

    private func take(_ parts: [Int], _ consumer: KafkaConsumer, _ taker: PartitionTaker) async {
        do {
            let taken = try await taker.take(parts)
            for position in taken.positions {
                guard let (claim, isStarted) = state.withLock({ $0.took(position) }) else { continue }
                if isStarted {
                    consumer.hold(claim, at: position.stored)
                    consumer.release(claim)
                } else {
                    consumer.start([(claim, .offset(position.stored))])
                }
            }
            state.withLock { $0.postponeTaking(taken.outOfRange, until: .now + Self.rangePause) }
        } catch {
            logger.warning("partitions not taken", ["topic": "audit", "reason": .describing(error)])
            state.withLock { $0.postponeTaking(parts, until: .now + Self.retryPause) }
        }
    }

    /// True when there was more than a little.
    private func projectPending(_ consumer: KafkaConsumer) async -> Bool {
        let (records, rereads, isFull) = state.withLock { state in
            let (records, rereads) = state.takeRecords(configuration.projection.batchRecords)
            return (records, rereads, state.isFull)
        }
        if !isFull { room.set() }
        for (claim, offset) in rereads {
            consumer.hold(claim, at: offset)
            consumer.release(claim)
        }
        guard !records.isEmpty else { return false }
        await project(records.map(ProjectedRecord.init), consumer)
        state.withLock { $0.endProjecting() }
        return records.count >= Self.busyRecords
    }

    /// From this many on, a batch is worth waiting for.
    private static let busyRecords = 32

    // MARK: Projecting

    /// Repeats until it is done, the parts are another's, or the projector ends.
    private func project(_ all: [ProjectedRecord], _ consumer: KafkaConsumer) async {
        var records = all
        while true {
            guard await park(&records) else { return }
            let owned = state.withLock { state -> [StoreStatement.Owned] in
                records.removeAll { !state.owns($0.message.claim) }
                var next: [Int: Int64] = [:]
                for record in records { next[record.part] = record.message.offset + 1 }
                return state.owned(next.keys).map { StoreStatement.Owned($0, next: next[$0.part]) }
            }
            guard !records.isEmpty, !Task.isCancelled, !state.withLock(\.isStopping) else { return }
            do throws(DatabaseError) {
                let rows = try await pool.execute(
                    ProjectAuditStatement.statement,
                    ProjectAuditStatement.parameters(topic: Topic.audit, owned: owned, batch: records.batch))
                let refused = ProjectAuditStatement.refused(rows)
                if refused.isEmpty {
                    projected.increment(by: records.count)
                    var next: [PartitionClaim: Int64] = [:]
                    for record in records { next[record.message.claim] = record.message.offset + 1 }
                    return consumer.advance(next.map { ($0.key, $0.value) })
                }
                state.withLock { $0.postponeTaking(refused, until: .now + Self.retryPause) }
                wake.set()
            } catch {
                if error.isPoison, !error.outcomeUnknown {
                    if records.count > 1 {
                        await project(Array(records[..<(records.count / 2)]), consumer)
                        return await project(Array(records[(records.count / 2)...]), consumer)
                    }
                    records[0].simplify(error)
                } else {
                    // Exactly once by (partition, offset): it may be repeated whatever became of it.
                    logger.warning("audit not projected", ["reason": .describing(error)])
                    await WakeSignal().wait(atMost: Self.retryPause)
                }
            }
        }
    }

    /// Sets aside what cannot be projected; false when the projector ends before that is durable.
    private func park(_ records: inout [ProjectedRecord]) async -> Bool {
        for index in records.indices {
            guard let set = records[index].aside else { continue }
            logger.error(
                "record parked",
                [
                    "topic": .string(set.topic), "part": .int(set.part), "offset": .int(Int(set.offset)),
                    "reason": .string(set.reason),
                ])
            while true {
                if Task.isCancelled || state.withLock(\.isStopping) { return false }
                do {
                    try await pool.execute(
                        ParkStatement.statement,
                        ParkStatement.parameters(
                            topic: set.topic, part: set.part, offset: set.offset, reason: set.reason,
                            record: set.record))
                    break
                } catch {
                    logger.warning("record not parked", ["reason": .describing(error)])
                    await WakeSignal().wait(atMost: Self.retryPause)
                }
            }
            parked.increment()
            records[index].aside = nil
        }
        return true
    }
}
