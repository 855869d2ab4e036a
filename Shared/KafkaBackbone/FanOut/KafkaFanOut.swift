public import Backbone
internal import Database
internal import EventModel
public import Observability
internal import Store
internal import Synchronization

/// What the tasks and callers of one fan-out have in common.
final class FanOutShared: Sendable {
    let state = Mutex(FanOutState())
    /// Something came for the worker.
    let wake = WakeSignal()
    /// The worker made room for records.
    let room = WakeSignal()
}

/// Feed storer and fan-out on Kafka: consumes `events`, puts each event on the feed once, hands the stored rows to the
/// matcher and appends their deliveries to the lanes.
///
/// A consumer group decides who stores which partitions; that nothing is stored twice or by a former owner is decided by
/// epochs and positions in Postgres.
public final class KafkaFanOut: FanOut {
    private let configuration: KafkaBackboneConfiguration
    private let logger: Logger
    private let metrics: MetricsRegistry
    private let producer: KafkaProducer
    private let lanes: LanePublisher
    private let shared = FanOutShared()
    private let stop = StopFlag()
    private let ended = StopFlag()

    /// - Throws: `configuration`.
    public init(
        _ configuration: KafkaBackboneConfiguration, logger: Logger, metrics: MetricsRegistry
    ) throws(KafkaError) {
        self.configuration = configuration
        self.logger = logger
        self.metrics = metrics
        producer = try KafkaProducer(configuration.producer(role: "fan-out"), log: logger, metrics: metrics)
        lanes = LanePublisher(producer: producer, topics: configuration.topics)
    }

    public var isReady: Bool { shared.state.withLock { $0.isSettled && !$0.isEnding } }

    // MARK: Running

    public func run() async throws {
        defer { ended.set() }
        do throws(KafkaError) {
            try await ClusterStart.prepare(
                configuration, producing: [(producer, [configuration.topics.deliveries])], stop: stop, logger: logger,
                metrics: metrics)
        } catch {
            await producer.shutdown(within: .zero)
            if error.code == .closed { return }
            throw error
        }
        let consumer = try KafkaConsumer(
            configuration.consumer(
                group: "matcher", role: "fan-out", topic: configuration.topics.events,
                drain: configuration.window.drain + .seconds(1)),
            log: logger, metrics: metrics)
        let worker = try FanOutWorker(
            configuration, consumer: consumer, shared: shared, logger: logger, metrics: metrics)
        let feedWake = worker.feedWake
        let ownerships = tell(metrics, of: consumer)
        await withTaskCancellationHandler {
            await withTaskGroup { group in
                group.addTask { await self.follow(consumer, ownerships) }
                group.addTask { await self.takeIn(consumer) }
                group.addTask { await feedWake.run() }
                await worker.run()
                await self.end(consumer)
                group.cancelAll()
            }
        } onCancel: {
            giveUp()
        }
        await worker.shutdown()
    }

    /// After the last call: the partitions go back, and what was produced is waited for.
    private func end(_ consumer: KafkaConsumer) async {
        if Task.isCancelled {
            // As a killed process would, but for the socket: the member leaves by itself while nobody waits for it.
            Task.detached { await consumer.shutdown() }
            await producer.shutdown(within: .zero)
            return
        }
        let leaving = shared.state.withLock { state in
            state.isWorkerDone = true
            return state.leaving(at: .now)
        }
        consumer.handBack(leaving)
        await consumer.shutdown()
        await producer.shutdown(within: configuration.window.drain)
    }

    public func shutdown() async {
        let waiter = shared.state.withLock { state in
            state.isStopping = true
            state.discardReady()
            return state.waiter.take()
        }
        waiter?.resume(returning: nil)
        stop.set()
        shared.wake.set()
        shared.room.set()
        await ended.wait()
    }

    private func giveUp() {
        let waiter = shared.state.withLock { state in
            state.isAbandoned = true
            return state.waiter.take()
        }
        waiter?.resume(returning: nil)
        stop.set()
        shared.wake.set()
    }

    private func tell(_ metrics: MetricsRegistry, of consumer: KafkaConsumer) -> OwnershipMetrics {
        let shared = shared
        metrics.observedLag(of: .store) { [weak consumer] in
            shared.state.withLock { state in
                state.storeLag(at: SystemClock().now()) { claim in consumer?.end(of: claim) }
            }
        }
        metrics.observedLag(of: .fanOut) { shared.state.withLock { $0.fanOutLag(at: SystemClock().now()) } }
        return OwnershipMetrics(metrics, stage: .fanOut, partitions: configuration.topics.eventPartitions) {
            shared.state.withLock(\.parts.count)
        }
    }

    /// Ownership, as the group changes it.
    private func follow(_ consumer: KafkaConsumer, _ ownerships: OwnershipMetrics) async {
        while let change = await consumer.nextRebalance() {
            logger.rebalanced("matcher", change)
            ownerships.count(change)
            switch change {
            case .assigned(let claims): shared.state.withLock { $0.assign(claims) }
            case .revoked(let claims):
                let now = shared.state.withLock { state -> [PartitionClaim] in
                    state.leave(claims, by: .now + configuration.window.drain)
                    return state.isWorkerDone ? claims : []
                }
                if !now.isEmpty { consumer.handBack(now) }
            case .lost(let claims): shared.state.withLock { $0.lose(claims) }
            }
            shared.wake.set()
        }
    }

    /// Moves records out of the consumer's ring, so that a batch is whatever has come meanwhile.
    private func takeIn(_ consumer: KafkaConsumer) async {
        while let records = await consumer.nextRecords() {
            let isFull = shared.state.withLock { state in
                state.add(records)
                return state.isFull
            }
            shared.wake.set()
            if isFull { await waitForRoom() }
        }
    }

    private func waitForRoom() async {
        while !Task.isCancelled, shared.state.withLock({ $0.isFull && !$0.isEnding }) {
            await shared.room.wait(atMost: .seconds(1))
        }
    }

    // MARK: The matcher's side

    public func next() async throws -> FanOutBatch? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer = shared.state.withLock { state -> FanOutBatch?? in
                    if state.isEnding || Task.isCancelled { return .some(nil) }
                    if let batch = state.takeReady() { return batch }
                    precondition(state.waiter == nil, "one matcher waits at a time")
                    state.waiter = continuation
                    return nil
                }
                if case .some(let batch) = answer { continuation.resume(returning: batch) }
            }
        } onCancel: {
            shared.state.withLock { $0.waiter.take() }?.resume(returning: nil)
        }
    }

    public func complete(_ batch: FanOutBatch, deliveries: [LaneDelivery]) async throws {
        guard let isOurs = shared.state.withLock({ $0.owns(batch) }) else {
            throw BackboneError(.stopped, "the fan-out has ended")
        }
        var ordered = deliveries
        if zip(ordered, ordered.dropFirst()).contains(where: { $0.row > $1.row }) { ordered.sort { $0.row < $1.row } }
        let now = SystemClock().now()
        var bodies: [LaneRecordBody] = []
        bodies.reserveCapacity(ordered.count)
        for delivery in ordered where isOurs(batch.rows[delivery.row].part) {
            bodies.append(
                LaneRecordBody(
                    batch.rows[delivery.row], endpoint: delivery.endpoint, cause: delivery.cause,
                    configVersion: batch.configVersion, envelope: batch.rows[delivery.row].envelope ?? [], at: now))
        }
        try await lanes.publish(bodies) { [self] in shared.state.withLock(\.isAbandoned) }
        shared.state.withLock { $0.completed(batch.token) }
        shared.wake.set()
    }
}

extension LaneRecordBody {
    /// A delivery's first record.
    init(
        _ row: FeedRow, endpoint: EndpointID, cause: Cause, configVersion: Int64, envelope: [UInt8], at now: Timestamp
    ) {
        self.init(
            endpoint: endpoint, event: row.id, tenant: row.tenant, type: row.type, pos: row.pos, cause: cause,
            attempt: 1, configVersion: configVersion, recordedAt: row.recordedAt, firstDueAt: now,
            envelope: envelope, acceptedAt: row.acceptedAt, trace: row.trace)
    }
}
