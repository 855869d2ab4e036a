internal import CRdKafka
internal import Glibc
internal import Observability
internal import Synchronization

/// The polling thread of one consumer. Made inside its thread and never leaves it, so its state needs no lock.
///
/// A turn: take what librdkafka has, hand it on, obey the service's commands, let partitions flow or stop, commit.
final class ConsumerLoop {
    let shared: ConsumerShared
    let client: OpaquePointer
    let settings: KafkaConsumerSettings
    let companions: [KafkaCompanion?]
    let metrics: ClientMetrics
    var table: PartitionTable
    var commits = CommitBook()
    var leaving: Leaving?
    /// Claims whose start could not be carried out yet.
    var unresolved: [(PartitionClaim, KafkaStart)] = []
    var retryStartsAt: ContinuousClock.Instant?
    /// Who waits for the next commit to be acknowledged.
    var waitingForCommit: [CheckedContinuation<Result<Void, KafkaError>, Never>] = []
    var nextCommit: ContinuousClock.Instant = .now
    var nextUnpark: ContinuousClock.Instant = .now
    var nextRecommit: ContinuousClock.Instant
    /// A flow changed, or the ring did: partitions may have to be paused or resumed.
    var needsReconciling = false
    private var generation: UInt32 = 0
    private var chunk = ChunkBuilder()
    var isRingFull = false
    var closeBy: ContinuousClock.Instant?
    /// librdkafka's topic objects that records came with, so that a record's topic is found by comparing pointers.
    private var topicObjects: [(object: OpaquePointer, topic: Int)] = []

    /// Events taken in one turn; commands wait that long at most, a few milliseconds.
    private static let eventsPerTurn = 2000
    /// The longest wait for an event, when no timer is earlier.
    private static let longestWait = Duration.milliseconds(100)
    /// What closing may take beyond the drain and its commit.
    private static let closingLimit = Duration.seconds(5)

    init(_ shared: ConsumerShared) {
        self.shared = shared
        client = shared.handle.client
        settings = shared.settings
        companions = settings.companions
        metrics = shared.events.metrics
        table = PartitionTable(topics: shared.topicNames.count)
        nextRecommit = .now + settings.recommitInterval
    }

    func run() {
        join()
        while true {
            takeEvents()
            flush()
            obey()
            serveStarts()
            serveLeaving()
            unparkDue()
            reconcile()
            serveCommits()
            if let closeBy {
                let isClosed = rd_kafka_consumer_closed(client) != 0
                if isClosed || ContinuousClock.now >= closeBy { break }
            }
        }
        end()
    }

    private func join() {
        switch settings.membership {
        case .group(_, let topics, _):
            let list = PartitionList()
            for topic in topics { list.append(topic, RD_KAFKA_PARTITION_UA) }
            let error = list.withPointer { rd_kafka_subscribe(client, $0) }
            if error != RD_KAFKA_RESP_ERR_NO_ERROR {
                shared.events.log.error("kafka subscription failed", ["error": .string(name(of: error))])
            }
        case .fixed(let partitions):
            generation += 1
            let claims = partitions.map { partition, start in
                (claim(of: partition.topic, partition.partition, generation), start)
            }
            let starts = claims.compactMap { claim, start in claim.map { ($0, start) } }
            for (claim, _) in starts {
                table[claim.topic, claim.partition] = PartitionFlow(claim: claim)
            }
            startFixed(starts)
        }
    }

    // MARK: Events

    private func takeEvents() {
        var wait = Int32(max(untilNextTimer().wholeMilliseconds, 1))
        for _ in 0..<Self.eventsPerTurn {
            guard let event = rd_kafka_queue_poll(shared.handle.queue, wait) else { return }
            handle(event)
            rd_kafka_event_destroy(event)
            wait = 0
            if isRingFull { return }
        }
    }

    private func untilNextTimer() -> Duration {
        let timers = [nextCommit, retryStartsAt, leaving?.nextDeadline, closeBy].compactMap(\.self)
        let first = timers.min() ?? .now + Self.longestWait
        return min(max(first - .now, .zero), Self.longestWait)
    }

    private func handle(_ event: OpaquePointer) {
        let type = rd_kafka_event_type(event)
        switch type {
        case Int32(RD_KAFKA_EVENT_FETCH):
            while let message = rd_kafka_event_message_next(event) { take(message) }
        case Int32(RD_KAFKA_EVENT_REBALANCE):
            flush()
            rebalance(event)
        case Int32(RD_KAFKA_EVENT_OFFSET_COMMIT):
            finishCommit(event)
        case Int32(RD_KAFKA_EVENT_ERROR) where rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__PARTITION_EOF:
            reachEnd(event)
        default:
            _ = shared.events.handle(event, of: type)
        }
    }

    private func take(_ message: UnsafePointer<rd_kafka_message_t>) {
        let record = message.pointee
        guard record.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
            shared.events.log.warning("kafka partition error", ["error": .string(name(of: record.err))])
            return
        }
        guard let topic = topicIndex(of: record.rkt),
            let (claim, verdict) = table.offer(record.offset, topic: topic, partition: record.partition)
        else { return metrics.dropped.increment() }
        switch verdict {
        case .take:
            break
        case .takeAfterGap(let missing):
            metrics.gaps.increment(by: Int(missing))
            let partition = TopicPartition(shared.topicNames[topic], record.partition)
            shared.events.log.warning(
                "records are gone from the log",
                ["partition": .describing(partition), "records": .int(Int(missing)), "next": .int(Int(record.offset))])
        case .repeated:
            return
        case .drop:
            return metrics.dropped.increment()
        }
        if companions[topic]?.heldRecords != nil { needsReconciling = true }
        var timestampType = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        chunk.append(
            claim: claim, offset: record.offset, timestamp: rd_kafka_message_timestamp(message, &timestampType),
            key: UnsafeRawBufferPointer(start: record.key, count: record.key == nil ? 0 : record.key_len),
            value: UnsafeRawBufferPointer(start: record.payload, count: record.payload == nil ? 0 : record.len),
            headers: headers(of: message))
        if chunk.isFull { flush() }
    }

    private func headers(of message: UnsafePointer<rd_kafka_message_t>) -> [KafkaHeader] {
        var list: OpaquePointer?
        guard rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list else { return [] }
        var found: [KafkaHeader] = []
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        while rd_kafka_header_get_all(list, found.count, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR, let name {
            found.append(
                KafkaHeader(
                    String(cString: name), Array(UnsafeRawBufferPointer(start: value, count: value == nil ? 0 : size))))
        }
        return found
    }

    private func topicIndex(of object: OpaquePointer?) -> Int? {
        guard let object else { return nil }
        if let known = topicObjects.first(where: { $0.object == object }) { return known.topic }
        let name = String(cString: rd_kafka_topic_name(object))
        guard let topic = shared.topicNames.firstIndex(of: name) else { return nil }
        topicObjects.append((object, topic))
        return topic
    }

    private func flush() {
        guard !chunk.isEmpty else { return }
        let chunk = chunk.take()
        metrics.consumed.increment(by: chunk.entries.count)
        if shared.ring.put(chunk), !isRingFull {
            isRingFull = true
            needsReconciling = true
        }
    }

    // MARK: Commands

    private func obey() {
        let (commands, marks) = shared.inbox.withLock { inbox in
            defer {
                inbox.commands = []
                inbox.marks.removeAll(keepingCapacity: true)
            }
            return (inbox.commands, inbox.marks)
        }
        for (claim, offset) in marks {
            guard var flow = table[claim] else { continue }
            let wasCrowded = flow.isCrowded
            flow.advance(to: offset)
            if wasCrowded, !flow.isCrowded { needsReconciling = true }
            table[claim] = flow
        }
        for command in commands { obey(command) }
    }

    private func obey(_ command: ConsumerShared.Command) {
        switch command {
        case .start(let starts):
            unresolved += starts
            retryStartsAt = .now
        case .handBack(let claims):
            leaving?.handBack(claims)
        case .hold(let claim, let offset):
            table[claim]?.hold(at: offset)
            shared.ring.keep { $0.claim != claim || $0.offset < offset }
            needsReconciling = true
        case .release(let claim):
            table[claim]?.release()
            needsReconciling = true
        case .expect(let records):
            for (claim, offset) in records { table[claim]?.expect(offset) }
            needsReconciling = true
        case .commit(let continuation):
            guard case .group = settings.membership else { return continuation.resume(returning: .success(())) }
            waitingForCommit.append(continuation)
            nextCommit = .now
        case .close:
            close()
        }
    }

    private func close() {
        guard closeBy == nil else { return }
        closeBy = .now + settings.drainLimit + Leaving.commitLimit + Self.closingLimit
        if let error = rd_kafka_consumer_close_queue(client, shared.handle.queue) {
            shared.events.log.warning(
                "kafka consumer did not close", ["error": .string(name(of: rd_kafka_error_code(error)))])
            rd_kafka_error_destroy(error)
            closeBy = .now
        }
    }

    private func end() {
        shared.lease.end()
        for commit in commits.removeAll() { answer(commit, .failure(KafkaError(.closed, "the consumer is closed"))) }
        shared.handle.destroy(flags: Int32(RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE))
        let (left, waiting) = shared.inbox.withLock { inbox in
            inbox.hasEnded = true
            defer {
                inbox.commands = []
                inbox.waitingForEnd = []
            }
            return (inbox.commands, inbox.waitingForEnd)
        }
        let unanswered = waitingForCommit + left.compactMap { if case .commit(let one) = $0 { one } else { nil } }
        for continuation in unanswered {
            continuation.resume(returning: .failure(KafkaError(.closed, "the consumer is closed")))
        }
        shared.ring.end()
        shared.rebalances.end()
        for each in waiting { each.resume() }
    }

    /// Logs and releases an error of librdkafka's.
    /// - Returns: false when there was one.
    @discardableResult
    func report(_ error: OpaquePointer?, _ message: StaticString) -> Bool {
        guard let error else { return true }
        let words = String(cString: rd_kafka_error_string(error))
        shared.events.log.error(
            message, ["error": .string(name(of: rd_kafka_error_code(error))), "text": .string(words)])
        rd_kafka_error_destroy(error)
        return false
    }

    // MARK: Claims

    func claim(of topic: String, _ partition: Int32, _ generation: UInt32) -> PartitionClaim? {
        shared.topicNames.firstIndex(of: topic).map { index in
            PartitionClaim(topic: index, partition: partition, generation: generation)
        }
    }

    func nextGeneration() -> UInt32 {
        generation += 1
        // A topic object may be gone with its partitions, and its address be another's.
        topicObjects = []
        return generation
    }
}
