internal import Backbone
internal import EventModel
internal import Store

/// Appends deliveries to the topic `deliveries` until they are there.
struct LanePublisher: Sendable {
    let producer: KafkaProducer
    let topics: KafkaTopics

    /// Of one produce call.
    private static let callRecords = 4_000
    private static let callBytes = 8 << 20
    /// How soon records that were not acknowledged are produced again.
    private static let pause: Duration = .milliseconds(100)

    /// - Throws: `stopped` when the producer was shut down, `unavailable` when `isGivenUp` says so between two tries.
    func publish(
        _ bodies: [LaneRecordBody], isGivenUp: @Sendable () -> Bool = { Task.isCancelled }
    ) async throws(BackboneError) {
        var from = 0
        while from < bodies.count {
            var to = from
            var bytes = 0
            while to < bodies.count, to - from < Self.callRecords, bytes < Self.callBytes {
                bytes += bodies[to].envelope.count
                to += 1
            }
            try await publish(bodies[from..<to], bytes: bytes, isGivenUp)
            from = to
        }
    }

    private func publish(
        _ bodies: ArraySlice<LaneRecordBody>, bytes: Int, _ isGivenUp: @Sendable () -> Bool
    ) async throws(BackboneError) {
        var left = Array(bodies)
        while true {
            do throws(KafkaError) {
                let receipts = try await producer.produce(batch(left, bytes: bytes))
                if receipts.allAcknowledged { return }
                // What is uncertain is produced again: lanes are at least once, and nothing is lost.
                left = zip(left, receipts).filter { !$0.1.isAcknowledged }.map(\.0)
            } catch {
                if error.code == .closed { throw BackboneError(.stopped, "the lanes are closed") }
            }
            if isGivenUp() { throw BackboneError(.unavailable, "\(left.count) deliveries were not acknowledged") }
            await WakeSignal().wait(atMost: Self.pause)
        }
    }

    private func batch(_ bodies: [LaneRecordBody], bytes: Int) -> KafkaBatch {
        var batch = KafkaBatch(records: bodies.count, bytes: bytes + bodies.count * 192)
        for body in bodies {
            batch.append(
                topic: topics.deliveries, partition: Int32(body.endpoint.lane(of: topics.lanePartitions)),
                key: EmptyCollection<UInt8>()
            ) { body.write(to: &$0) }
        }
        return batch
    }
}

extension ProduceOutcome {
    var isAcknowledged: Bool {
        if case .acknowledged = self { true } else { false }
    }
}
