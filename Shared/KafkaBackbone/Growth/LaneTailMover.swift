internal import Backbone
internal import EventModel
internal import Observability
internal import Store

/// Appends what waits in partitions of the lanes once more, each record in the lane that its endpoint has now.
///
/// Nobody else reads or writes the lanes meanwhile. What was appended by a run that was killed is found behind the tails
/// and left out, so it may be done any number of times.
struct LaneTailMover {
    let topics: KafkaTopics
    let admin: KafkaAdmin
    let connection: KafkaConnection
    let log: Logger
    let metrics: MetricsRegistry
    /// Lanes that there are now.
    let lanes: Int
    let batchRecords: Int
    let onBatch: @Sendable () throws -> Void

    private static let batchBytes = 4 << 20

    /// What tells a record from others, whatever its offset.
    private enum Key: Hashable {
        case delivery(DeliveryID, attempt: Int, relocation: Int64?, isDelayed: Bool)
        case other([UInt8])

        init(_ content: LanesState.Content, isDelayed: Bool) {
            switch content {
            case .delivery(let body):
                self = .delivery(
                    DeliveryID(event: body.event, endpoint: body.endpoint, cause: body.cause), attempt: body.attempt,
                    relocation: body.relocation, isDelayed: isDelayed)
            case .finishedCopy(let copy): self = .other(Array("copy \(copy.relocation)".utf8))
            case .unreadable(let parked): self = .other(parked.bytes)
            }
        }
    }

    /// - Parameters:
    ///   - producer: nil: only counts.
    ///   - mayBeRepeated: some of it may have been appended before.
    func move(
        _ tails: [PartitionGrowth.Tail], to producer: KafkaProducer?, mayBeRepeated: Bool
    ) async throws -> PartitionGrowth.Moved {
        let stretches = Dictionary(
            uniqueKeysWithValues: tails.map { (TopicPartition($0.topic, Int32($0.part)), $0.offsets) })
        var there = mayBeRepeated ? try await appended(behind: stretches) : [:]
        let finished = try await finishedCopies(stretches)
        var moved = PartitionGrowth.Moved()
        var batch = KafkaBatch()
        try await read(stretches) { partition, message in
            let read = LanesState.Read(message)
            let isDelayed = partition.topic != topics.deliveries
            var target = partition
            switch read.content {
            case .finishedCopy: return
            case .unreadable: break
            case .delivery(let body):
                if let number = body.relocation, finished.contains(number) { return }
                target = place(body, isDelayed: isDelayed)
                if isDelayed { moved.attempts += 1 } else { moved.deliveries += 1 }
            }
            let key = Key(read.content, isDelayed: isDelayed)
            if let count = there[key] {
                there[key] = count > 1 ? count - 1 : nil
                return
            }
            guard let producer else { return }
            batch.append(topic: target.topic, partition: target.partition, value: message.value)
            if batch.count >= batchRecords || batch.byteCount >= Self.batchBytes {
                try await append(batch, to: producer)
                batch = KafkaBatch()
            }
        }
        if let producer { try await append(batch, to: producer) }
        return moved
    }

    /// A record that waits goes to the tier of what is left: behind longer ones it would be late.
    private func place(_ body: LaneRecordBody, isDelayed: Bool) -> TopicPartition {
        let lane = Int32(body.endpoint.lane(of: lanes))
        guard isDelayed else { return TopicPartition(topics.deliveries, lane) }
        let now = SystemClock().now()
        return TopicPartition(topics.delay(DelayTier(dueIn: (body.due ?? now).microseconds(since: now))), lane)
    }

    private func append(_ batch: KafkaBatch, to producer: KafkaProducer) async throws {
        if batch.isEmpty { return }
        let receipts = try await producer.produce(batch)
        guard receipts.allAcknowledged else {
            throw KafkaError(
                .timedOut, "\(receipts.count - receipts.acknowledged) records were not acknowledged",
                cause: receipts.firstFailure)
        }
        try onBatch()
    }

    /// Copies whose attempts have ended: they and the notes of it are left behind.
    private func finishedCopies(_ stretches: [TopicPartition: Range<Int64>]) async throws -> Set<Int64> {
        let notes = topics.delay(.second1)
        var finished: Set<Int64> = []
        try await read(stretches.filter { $0.key.topic == notes }) { _, message in
            if case .finishedCopy(let copy) = LanesState.Read(message).content { finished.insert(copy.relocation) }
        }
        return finished
    }

    /// What a run before this one has appended.
    private func appended(behind stretches: [TopicPartition: Range<Int64>]) async throws -> [Key: Int] {
        let all = ([topics.deliveries] + topics.delays).flatMap { topic in
            (0..<lanes).map { TopicPartition(topic, Int32($0)) }
        }
        let ends = try await admin.offsets(of: all)
        let behind = ends.reduce(into: [TopicPartition: Range<Int64>]()) { behind, end in
            let from = stretches[end.key]?.upperBound ?? end.value.lowerBound
            if from < end.value.upperBound { behind[end.key] = from..<end.value.upperBound }
        }
        var there: [Key: Int] = [:]
        try await read(behind) { partition, message in
            there[
                Key(LanesState.Read(message).content, isDelayed: partition.topic != topics.deliveries), default: 0] += 1
        }
        return there
    }

    private func read(
        _ stretches: [TopicPartition: Range<Int64>], _ body: (TopicPartition, KafkaMessage) async throws -> Void
    ) async throws {
        try await LogReader.read(stretches, admin, connection, log: log, metrics: metrics, body)
    }
}
