internal import CRdKafka
internal import Glibc

/// Questions to the cluster about its topics; blocking, so for threads of their own.
enum ClusterMetadata {
    /// How many partitions each topic has.
    static func partitions(
        of topics: [String], _ client: OpaquePointer, by deadline: ContinuousClock.Instant
    ) -> Result<[String: Int], KafkaError> {
        var found: [String: Int] = [:]
        for topic in topics {
            switch describe(topic, client, by: deadline) {
            case .success(let description?): found[topic] = description.partitions
            case .success(nil): return .failure(KafkaError(.unknownTopic, "the topic \(topic) does not exist"))
            case .failure(let error): return .failure(error)
            }
        }
        return .success(found)
    }

    /// One topic's shape, nil when the cluster has no such topic.
    static func describe(
        _ topic: String, _ client: OpaquePointer, by deadline: ContinuousClock.Instant
    ) -> Result<TopicDescription?, KafkaError> {
        guard let object = rd_kafka_topic_new(client, topic, nil) else {
            return .failure(KafkaError(.unknownTopic, "\(topic) is not a topic's name"))
        }
        defer { rd_kafka_topic_destroy(object) }
        var answer: UnsafePointer<rd_kafka_metadata>?
        let error = rd_kafka_metadata(client, 0, object, &answer, milliseconds(until: deadline))
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR, let answer else { return .failure(failure(error, "metadata")) }
        defer { rd_kafka_metadata_destroy(answer) }
        guard answer.pointee.topic_cnt == 1, let found = answer.pointee.topics?.pointee else { return .success(nil) }
        switch found.err {
        case RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
            let replicas = (0..<Int(found.partition_cnt)).map { Int(found.partitions[$0].replica_cnt) }.min() ?? 0
            return .success(
                TopicDescription(name: topic, partitions: Int(found.partition_cnt), replicas: replicas))
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
            return .success(nil)
        default:
            return .failure(failure(found.err, "metadata of \(topic)"))
        }
    }

    // MARK: Offsets

    enum LogEnd: Int64 {
        /// The next offset to be written.
        case newest = -1
        case oldest = -2
    }

    /// The pause before a question is put again; the thread is our own.
    static let pause: UInt32 = 20_000

    /// Where the logs of partitions end: one request for each leader.
    ///
    /// Leaders that do not know yet that they lead are asked again. So an answer also says that each partition has its
    /// leader, and that the connections to them stand.
    static func offsets(
        of partitions: [TopicPartition], at end: LogEnd, _ client: OpaquePointer,
        by deadline: ContinuousClock.Instant
    ) -> Result<[TopicPartition: Int64], KafkaError> {
        if partitions.isEmpty { return .success([:]) }
        while true {
            let list = PartitionList(capacity: partitions.count)
            for partition in partitions { list.append(partition.topic, partition.partition, offset: end.rawValue) }
            let error = list.withPointer { rd_kafka_offsets_for_times(client, $0, milliseconds(until: deadline)) }
            let elements = list.elements
            let failed = elements.first { $0.error != RD_KAFKA_RESP_ERR_NO_ERROR || $0.offset < 0 }
            if error == RD_KAFKA_RESP_ERR_NO_ERROR, failed == nil {
                let found = elements.map { (TopicPartition($0.topic, $0.partition), $0.offset) }
                return .success(Dictionary(found, uniquingKeysWith: { first, _ in first }))
            }
            let cause = error != RD_KAFKA_RESP_ERR_NO_ERROR ? error : failed?.error ?? error
            guard isPassing(cause), ContinuousClock.now < deadline else {
                return .failure(failure(cause, "the offsets of \(partitions[0]) and others"))
            }
            usleep(pause)
        }
    }

    /// Whether a broker that says so may say something else a moment later.
    private static func isPassing(_ error: rd_kafka_resp_err_t) -> Bool {
        switch error {
        case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
            RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH, RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_NO_ERROR:
            true
        default: false
        }
    }

    // MARK: Words

    static func milliseconds(until deadline: ContinuousClock.Instant) -> Int32 {
        Int32(clamping: max((deadline - .now).wholeMilliseconds, 1))
    }

    static func failure(_ error: rd_kafka_resp_err_t, _ what: String) -> KafkaError {
        switch error {
        case RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
            RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE,
            RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
            RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR__WAIT_COORD:
            KafkaError(.timedOut, "no answer to \(what)", cause: name(of: error))
        default:
            KafkaError(.refused, "\(what) was refused", cause: name(of: error))
        }
    }
}

/// A topic's shape.
public struct TopicDescription: Hashable, Sendable {
    public let name: String
    public let partitions: Int
    /// Replicas of the partition that has the fewest.
    public let replicas: Int
}
