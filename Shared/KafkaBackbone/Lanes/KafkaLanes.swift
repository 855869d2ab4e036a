public import Backbone
public import EventModel
public import Observability
internal import Store
internal import Synchronization

/// The delivery lanes on Kafka: whoever owns partition p of `deliveries` also holds the delay partitions p, and nobody
/// else sends to the endpoints of lane p. Records carry the envelope, so sending and retrying need no database.
public final class KafkaLanes: DeliveryLanes {
    /// What `mayDeliver` asks: small, under a lock of its own.
    private struct Ownership {
        /// By lane; 0 where it is not ours.
        var epochs: [Int64]
        var lease: KafkaLease?
        /// Lanes for which `mayDeliver` said no although they are ours: the lease had run out.
        var lapsed: Set<Int> = []
    }

    private let configuration: KafkaBackboneConfiguration
    private let logger: Logger
    private let metrics: MetricsRegistry
    private let clock: any WallClock
    /// For outcomes that need no more than their audit records: all of a healthy day's. librdkafka goes through every
    /// partition it knows, locking each, whenever it has something to do; this one knows a dozen instead of 350.
    private let recorder: KafkaProducer
    /// For everything.
    private let producer: KafkaProducer
    private let publisher: LanePublisher
    private let ownership: Mutex<Ownership>
    private let state: Mutex<LanesState>
    private let consumer = Mutex<KafkaConsumer?>(nil)
    private let wake = WakeSignal()
    /// Outcomes gather at this pace: nobody waits for them.
    private let pace = Mutex(Pace.ofRequests(longest: .milliseconds(30)))
    private let room = WakeSignal()
    private let stop = StopFlag()
    private let ended = StopFlag()
    private let relocated: Counter
    private let parked: Counter

    /// - Parameter clock: When records are due.
    /// - Throws: `configuration`.
    public init(
        _ configuration: KafkaBackboneConfiguration, clock: any WallClock = SystemClock(), logger: Logger,
        metrics: MetricsRegistry
    ) throws(KafkaError) {
        self.configuration = configuration
        self.clock = clock
        self.logger = logger
        self.metrics = metrics
        let topics = configuration.topics
        recorder = try KafkaProducer(configuration.producer(role: "outcomes"), log: logger, metrics: metrics)
        producer = try KafkaProducer(configuration.producer(role: "lanes"), log: logger, metrics: metrics)
        publisher = LanePublisher(producer: producer, topics: topics)
        ownership = Mutex(Ownership(epochs: Array(repeating: 0, count: topics.lanePartitions)))
        state = Mutex(
            LanesState(
                lanes: topics.lanePartitions, sourceNames: [topics.deliveries] + topics.delays,
                bounds: configuration.window, firstCopy: .random(in: .min ... .max)))
        relocated = metrics.counter("fanfare_lane_relocations_total", "Records that were moved out of the window.")
        parked = metrics.counter(
            "fanfare_parked_records_total", "Log records that cannot be stored and were set aside.",
            labels: [("topic", "deliveries")])
    }

    // MARK: Running

    public func run() async throws {
        defer { ended.set() }
        let topics = configuration.topics
        do throws(KafkaError) {
            try await ClusterStart.prepare(
                configuration,
                producing: [
                    (producer, [topics.deliveries, topics.audit] + topics.delays), (recorder, [topics.audit]),
                ], stop: stop, logger: logger, metrics: metrics)
        } catch {
            await recorder.shutdown(within: .zero)
            await producer.shutdown(within: .zero)
            if error.code == .closed { return }
            throw error
        }
        // The client waits longer than the drain, so that what is moved at its end is written.
        let settings = configuration.consumer(
            group: "delivery", role: "lanes", topic: topics.deliveries,
            companions: topics.delays.map {
                KafkaCompanion(topic: $0, heldRecords: configuration.window.dueRecords, isPrivate: true)
            }, drain: configuration.window.drain + Self.moveLimit)
        let consumer = try KafkaConsumer(settings, log: logger, metrics: metrics)
        self.consumer.withLock { $0 = consumer }
        ownership.withLock { $0.lease = consumer.lease }
        state.withLock { $0.lease = consumer.lease }
        let ownerships = tell(metrics, of: consumer)
        await withTaskCancellationHandler {
            await withTaskGroup { group in
                group.addTask { await self.takeIn(consumer) }
                group.addTask { await self.follow(consumer, ownerships) }
                group.addTask { await self.tend(consumer) }
                await stop.wait()
                await end(consumer)
                group.cancelAll()
            }
        } onCancel: {
            giveUp()
        }
    }

    /// What moving the rest at the end of a drain may take.
    private static let moveLimit: Duration = .seconds(1)

    private func end(_ consumer: KafkaConsumer) async {
        if Task.isCancelled {
            // As a killed process would, but for the socket: the member leaves by itself while nobody waits for it.
            Task.detached { await consumer.shutdown() }
            await recorder.shutdown(within: .zero)
            await producer.shutdown(within: .zero)
        } else {
            await consumer.shutdown()
            await recorder.shutdown(within: configuration.window.drain)
            await producer.shutdown(within: configuration.window.drain)
        }
        ownership.withLock { $0.lease = nil }
        letGo()
    }

    public func shutdown() async {
        let waiter = state.withLock { state in
            state.isStopping = true
            return state.waiter.take()
        }
        waiter?.resume(returning: nil)
        stop.set()
        room.set()
        await ended.wait()
    }

    private func giveUp() {
        let waiter = state.withLock { state in
            state.isAbandoned = true
            return state.waiter.take()
        }
        ownership.withLock { ownership in
            for lane in ownership.epochs.indices { ownership.epochs[lane] = 0 }
        }
        waiter?.resume(returning: nil)
        stop.set()
        room.set()
        letGo()
    }

    /// Nobody waits for anything any more.
    private func letGo() {
        let settling = state.withLock { state in
            state.isAbandoned = true
            return state.takeSettling()
        }
        for continuation in settling { continuation.resume() }
    }

    public var isReady: Bool {
        let (isJoined, isOwner) = state.withLock { ($0.isJoined && !$0.isEnding, $0.isOwner) }
        return isJoined && (!isOwner || ownership.withLock { $0.lease?.isValid ?? false })
    }

    // MARK: Metrics

    private func tell(_ metrics: MetricsRegistry, of consumer: KafkaConsumer) -> OwnershipMetrics {
        let clock = clock
        metrics.observedLag(of: .deliver) { [weak self, weak consumer] in
            guard let self, let consumer else { return [] }
            return state.withLock { $0.positions(at: clock.now()) }.map { lane in
                // What was not read yet waits as well.
                let unread = consumer.end(of: lane.claim).map { Int(max(0, $0 - lane.next)) } ?? 0
                return PartitionLag(partition: lane.lane, records: lane.open + unread, seconds: lane.age)
            }
        }
        metrics.observedLag(of: .retry) { [weak self] in
            guard let self else { return [] }
            return state.withLock { $0.overdue(at: clock.now()) }
        }
        metrics.observedGauge(
            "fanfare_delivery_oldest_undelivered_seconds",
            "Age of the oldest delivery that this process has begun and not finished."
        ) { [weak self] in
            guard let self, let oldest = state.withLock(\.oldestDelivery) else { return 0 }
            return max(0, Double(clock.now().microseconds(since: oldest)) / 1_000_000)
        }
        metrics.observedCounter(
            "fanfare_lane_twins_total", "Records of the lanes whose attempt was already made or under way, left out."
        ) { [weak self] in Double(self?.state.withLock(\.twins) ?? 0) }
        metrics.observedGauge(
            "fanfare_lanes_window_records", "Records of the lanes between the oldest open one and the newest."
        ) { [weak self] in Double(self?.state.withLock(\.span) ?? 0) }
        metrics.gauge("fanfare_lanes_window_limit", "Records that the window of the lanes holds at most.").set(
            Double(configuration.window.records))
        return OwnershipMetrics(metrics, stage: .deliver, partitions: configuration.topics.lanePartitions) {
            [weak self] in
            self?.state.withLock { state in state.lanes.count { $0 != nil } } ?? 0
        }
    }

    // MARK: Tasks

    private func follow(_ consumer: KafkaConsumer, _ ownerships: OwnershipMetrics) async {
        while let change = await consumer.nextRebalance() {
            logger.rebalanced("delivery", change)
            // A lane is one partition of `deliveries` and its companions.
            ownerships.count(change) { $0.topic == 0 }
            switch change {
            case .assigned(let claims):
                let assigned = state.withLock { $0.assign(claims, at: clock.now()) }
                own(assigned)
                consumer.start(claims.map { ($0, .committed) })
            case .revoked(let claims):
                perform(
                    state.withLock {
                        $0.leave(claims, until: .now + configuration.window.drain, at: clock.now())
                    }, consumer)
            case .lost(let claims):
                perform(state.withLock { $0.loseAll(claims) }, consumer)
            }
        }
    }

    private func own(_ lanes: [(lane: Int, epoch: Int64)]) {
        ownership.withLock { ownership in
            for (lane, epoch) in lanes {
                ownership.epochs[lane] = epoch
                ownership.lapsed.remove(lane)
            }
        }
    }

    /// Starts lanes again whose lease had run out, once it holds again.
    private func renewLapsed(_ consumer: KafkaConsumer) {
        let lapsed = ownership.withLock { $0.lease?.isValid == true ? $0.lapsed : [] }
        guard !lapsed.isEmpty else { return }
        logger.warning("lease had run out: lanes start again", ["lanes": .int(lapsed.count)])
        let (actions, renewed) = state.withLock { $0.renew(lapsed, at: clock.now()) }
        own(renewed)
        ownership.withLock { $0.lapsed.subtract(lapsed) }
        perform(actions, consumer)
    }

    private func takeIn(_ consumer: KafkaConsumer) async {
        while let records = await consumer.nextRecords() {
            var left = records.map(LanesState.Read.init)[...]
            while !left.isEmpty {
                let (taken, actions) = state.withLock { $0.takeIn(left, at: clock.now()) }
                perform(actions, consumer)
                left = left.dropFirst(taken)
                guard !left.isEmpty else { break }
                await room.wait(atMost: .seconds(1))
                if Task.isCancelled { return }
            }
        }
    }

    private func tend(_ consumer: KafkaConsumer) async {
        while !Task.isCancelled {
            renewLapsed(consumer)
            let (actions, next) = state.withLock { state in
                let actions = state.tend(at: clock.now(), monotonic: .now)
                return (actions, state.plannedUntil)
            }
            perform(actions, consumer)
            let left = next.map { $0.microseconds(since: clock.now()) } ?? 0
            await wake.wait(atMost: .microseconds(max(left, 100)))
        }
    }

    // MARK: Effects

    private func perform(_ actions: LanesState.Actions, _ consumer: KafkaConsumer) {
        if let handOver = actions.handOver { handOver.waiter.resume(returning: handOver.signals) }
        for (claim, offset) in actions.holds { consumer.hold(claim, at: offset) }
        for (claim, offset) in actions.rereads {
            consumer.hold(claim, at: offset)
            consumer.release(claim)
        }
        for claim in actions.releases { consumer.release(claim) }
        if !actions.marks.isEmpty { consumer.advance(actions.marks) }
        if !actions.ended.isEmpty {
            ownership.withLock { ownership in
                for lane in actions.ended {
                    ownership.epochs[lane] = 0
                    ownership.lapsed.remove(lane)
                }
            }
        }
        if !actions.handBacks.isEmpty { consumer.handBack(actions.handBacks) }
        if actions.hasRoom { room.set() }
        if actions.needsTending { wake.set() }
        write(actions.moves, consumer)
    }

    private func write(_ moves: [LaneMove], _ consumer: KafkaConsumer) {
        if moves.isEmpty { return }
        let now = clock.now()
        var batch = KafkaBatch()
        var delayed: [Delayed] = []
        var count = 0
        for move in moves {
            let source = move.append(to: &batch, configuration.topics, at: now)
            count += move.recordCount
            if let source { delayed.append(Delayed(index: count - 1, lane: move.lane, source: source)) }
            if move.next?.relocation != nil { relocated.increment() }
            if let record = move.parked {
                parked.increment()
                logger.error(
                    "record parked",
                    [
                        "topic": .string(record.topic), "part": .int(record.part), "offset": .int(Int(record.offset)),
                        "reason": .string(record.reason),
                    ])
            }
        }
        do throws(KafkaError) {
            let needsNoTopicButAudit = moves.allSatisfy { $0.next == nil && $0.finishedCopy == nil }
            try (needsNoTopicButAudit ? recorder : producer).produce(batch) { [delayed] receipts in
                self.expect(delayed, receipts, consumer)
                self.wrote(moves, receipts, consumer)
            }
        } catch {
            perform(state.withLock { $0.recorded([], failed: moves) }, consumer)
        }
    }

    /// On the polling thread.
    private func wrote(_ moves: [LaneMove], _ receipts: ProduceReceipts, _ consumer: KafkaConsumer) {
        var failed: [LaneMove] = []
        var done = moves
        if !receipts.allAcknowledged {
            done = []
            var at = 0
            for move in moves {
                let mine = receipts[at..<(at + move.recordCount)]
                at += move.recordCount
                // What is uncertain is written again: the lanes are at least once, and nothing is lost.
                if let left = move.remainder(mine.map(\.isAcknowledged)) {
                    failed.append(left)
                } else {
                    done.append(move)
                }
            }
        }
        let (actions, settling) = state.withLock { state in
            (state.recorded(done, failed: failed), state.takeSettling())
        }
        perform(actions, consumer)
        for continuation in settling { continuation.resume() }
    }

    /// A record of a batch that goes to a delay topic.
    private struct Delayed {
        var index: Int
        var lane: Int
        var source: Int
    }

    /// A delay partition is left alone at its end: what was appended to it is to be read all the same.
    private func expect(_ delayed: [Delayed], _ receipts: ProduceReceipts, _ consumer: KafkaConsumer) {
        if delayed.isEmpty { return }
        let arrivals = state.withLock { state in
            delayed.compactMap { one -> (PartitionClaim, Int64)? in
                guard case .acknowledged(_, let offset) = receipts[one.index] else { return nil }
                return state.lanes[one.lane].map { ($0.flows[one.source].claim, offset) }
            }
        }
        if !arrivals.isEmpty { consumer.expect(arrivals) }
    }

    // MARK: The worker's side

    public func receive() async throws -> LaneSignals? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
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
            state.withLock { $0.waiter.take() }?.resume(returning: nil)
        }
    }

    public func settle(_ outcomes: [LaneOutcome]) async throws {
        guard let consumer = consumer.withLock(\.self) else {
            throw BackboneError(.stopped, "the lanes are not running")
        }
        perform(state.withLock { $0.settle(outcomes) }, consumer)
        if let rest = pace.withLock({ $0.rest(after: outcomes.count, at: .now) }) {
            await WakeSignal().wait(atMost: rest)
        }
        await withCheckedContinuation { continuation in
            let mayGoOn = state.withLock { state in
                if state.openMoves < state.bounds.outcomes || state.isAbandoned { return true }
                state.settling.append(continuation)
                return false
            }
            if mayGoOn { continuation.resume() }
        }
    }

    public func mayDeliver(lane: Int, epoch: Int64) -> Bool {
        ownership.withLock { ownership in
            guard ownership.epochs.indices.contains(lane), ownership.epochs[lane] == epoch, epoch != 0 else {
                return false
            }
            if ownership.lease?.isValid ?? false { return true }
            // The worker forgets the record: never again yes under this epoch, or it would wait for ever.
            ownership.epochs[lane] = 0
            ownership.lapsed.insert(lane)
            return false
        }
    }
}

extension KafkaLanes: LaneAppender {
    public func append(_ deliveries: [RequestedDelivery]) async throws(BackboneError) {
        let now = clock.now()
        try await publisher.publish(deliveries.map { LaneRecordBody($0, at: now) })
    }
}
