internal import CRdKafka

/// librdkafka's own mock brokers, for tests: no disk, no administration, and errors on demand.
///
/// It forgets everything, keeps the newest 5 MiB or 100,000 records of a partition, and delays the first join of a group
/// by 3 s; so it is for clients' reactions to faults, and a real broker is for everything else.
///
/// Unchecked because librdkafka documents the mock's calls as thread-safe, and the cluster lives as long as this object.
public final class KafkaMockCluster: @unchecked Sendable {
    private let client: OpaquePointer
    private let cluster: OpaquePointer

    /// `host:port,…` of its brokers, on free ports.
    public let bootstrapServers: String

    public init(brokers: Int = 1) throws(KafkaError) {
        let configuration = rd_kafka_conf_new()
        var reason = [CChar](repeating: 0, count: 512)
        // Its one log line would go to stderr.
        rd_kafka_conf_set(configuration, "log_level", "0", &reason, reason.count)
        guard let client = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, &reason, reason.count) else {
            rd_kafka_conf_destroy(configuration)
            throw KafkaError(.configuration, text(of: reason))
        }
        guard let cluster = rd_kafka_mock_cluster_new(client, Int32(brokers)) else {
            rd_kafka_destroy(client)
            throw KafkaError(.configuration, "no mock cluster")
        }
        self.client = client
        self.cluster = cluster
        bootstrapServers = String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
    }

    deinit {
        rd_kafka_mock_cluster_destroy(cluster)
        rd_kafka_destroy(client)
    }

    public func create(topic: String, partitions: Int, replicas: Int = 1) {
        rd_kafka_mock_topic_create(cluster, topic, Int32(partitions), Int32(replicas))
    }

    /// Breaks all connections of a broker (numbered from 1) and refuses new ones.
    public func takeDown(broker: Int32 = 1) { rd_kafka_mock_broker_set_down(cluster, broker) }

    public func bringUp(broker: Int32 = 1) { rd_kafka_mock_broker_set_up(cluster, broker) }

    /// Delays each answer.
    public func delayAnswers(of broker: Int32 = 1, by duration: Duration) {
        rd_kafka_mock_broker_set_rtt(cluster, broker, Int32(duration.wholeMilliseconds))
    }

    /// What a request can be answered with instead.
    public enum Fault: Sendable {
        /// The connection ends without an answer.
        case disconnect
        case notEnoughReplicas
        case messageTooLarge
        case notAuthorised
        case notLeader
        case unknownMember
        /// Fatal for an idempotent producer.
        case outOfOrderSequence

        var error: rd_kafka_resp_err_t {
            switch self {
            case .disconnect: RD_KAFKA_RESP_ERR__TRANSPORT
            case .notEnoughReplicas: RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS
            case .messageTooLarge: RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE
            case .notAuthorised: RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED
            case .notLeader: RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION
            case .unknownMember: RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID
            case .outOfOrderSequence: RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER
            }
        }
    }

    /// Which request; the numbers are the protocol's API keys.
    public enum Request: Int16, Sendable {
        case produce = 0
        case fetch = 1
        case offsetCommit = 8
        case heartbeat = 12
        case initProducerID = 22
    }

    /// The next requests of a kind are answered with these faults, one each, in order.
    public func fail(_ request: Request, with faults: [Fault]) {
        let errors = faults.map(\.error)
        rd_kafka_mock_push_request_errors_array(cluster, request.rawValue, errors.count, errors)
    }
}
