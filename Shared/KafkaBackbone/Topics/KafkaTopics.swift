public import Observability

/// The names and shapes of the backbone's topics. Partitions grow by `KafkaGrowth` alone.
///
/// | topic | partitions | key |
/// |---|---|---|
/// | `events` | 12 | tenant |
/// | `deliveries`, `delay.1s` … `delay.1h` | 48 | lane of the endpoint |
/// | `audit` | 12 | lane |
/// | `agent.runs` | as `events` | run, on the tenant's partition |
public struct KafkaTopics: Sendable {
    /// Stands before each topic and group, so that installations can share a cluster.
    public var prefix: String
    public var eventPartitions: Int
    public var lanePartitions: Int
    public var auditPartitions: Int
    /// 1 on a single broker, 3 in a cluster.
    public var replicas: Int
    /// How long records are kept: at least a day longer than the greatest age of a delivery (72 h).
    public var retention: Duration

    public init(
        prefix: String = "", eventPartitions: Int = 12, lanePartitions: Int = 48, auditPartitions: Int = 12,
        replicas: Int = 1, retention: Duration = .seconds(7 * 86_400)
    ) {
        self.prefix = prefix
        self.eventPartitions = eventPartitions
        self.lanePartitions = lanePartitions
        self.auditPartitions = auditPartitions
        self.replicas = replicas
        self.retention = retention
    }

    /// The greatest age of a delivery, and a day to notice.
    public static let shortestRetention: Duration = .seconds((72 + 24) * 3_600)

    public var events: String { prefix + "events" }
    public var deliveries: String { prefix + "deliveries" }
    public var audit: String { prefix + "audit" }
    /// For whoever runs agents; nothing here reads it.
    public var runs: String { prefix + "agent.runs" }
    /// By rising delay.
    public var delays: [String] { DelayTier.allCases.map { prefix + $0.name } }
    public var all: [String] { [events, deliveries, audit, runs] + delays }

    func delay(_ tier: DelayTier) -> String { prefix + tier.name }

    /// Makes what is missing, and checks the partitions and retention of what is there. May be called by any number of
    /// processes at any time.
    ///
    /// - Throws: `configuration` for a retention that is too short, `mismatch` for topics of another shape, `timedOut`.
    public func ensure(
        _ connection: KafkaConnection, log: Logger, metrics: MetricsRegistry
    ) async throws(KafkaError) {
        guard retention >= Self.shortestRetention else {
            throw KafkaError(.configuration, "topics keep records for at least \(Self.shortestRetention)")
        }
        let admin = try KafkaAdmin(connection, log: log, metrics: metrics)
        defer { admin.shutdown() }
        // Looking is cheap, and making several hundred partitions is not.
        if try await exist(admin) { return }
        try await admin.ensure(specifications)
    }

    private func exist(_ admin: KafkaAdmin) async throws(KafkaError) -> Bool {
        for topic in specifications {
            guard let found = try await admin.describe(topic.name) else { return false }
            guard found.partitions == topic.partitions else {
                throw KafkaError(
                    .mismatch,
                    "\(topic.name) has \(found.partitions) partitions and not \(topic.partitions): "
                        + "set events.partitions and lanes.partitions to what `fanfare partitions show` prints, "
                        + "or let them grow first, by `fanfare partitions grow`")
            }
            let kept = try await admin.retention(of: topic.name)
            guard kept.map({ $0 >= Self.shortestRetention }) ?? true else {
                throw KafkaError(.mismatch, "\(topic.name) keeps records for less than \(Self.shortestRetention)")
            }
        }
        return true
    }

    var specifications: [TopicSpecification] {
        func topic(_ name: String, _ partitions: Int) -> TopicSpecification {
            TopicSpecification(name, partitions: partitions, replicas: replicas, retention: retention)
        }
        return [
            topic(events, eventPartitions), topic(deliveries, lanePartitions), topic(audit, auditPartitions),
            topic(runs, eventPartitions),
        ] + delays.map { topic($0, lanePartitions) }
    }
}
