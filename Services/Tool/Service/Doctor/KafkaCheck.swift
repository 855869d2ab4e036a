internal import KafkaBackbone
internal import Observability
internal import ServiceKit

/// Kafka: whether a broker answers, and the topics have the shape that the services expect.
struct KafkaCheck: Sendable {
    let configuration: Configuration

    private static let patience = Duration.seconds(5)

    func run() async -> [Finding] {
        guard configuration[Settings.backboneKind] == .kafka else { return [] }
        guard let brokers = configuration[Settings.kafkaBrokers], !brokers.isEmpty else {
            return [.failed("kafka", "no broker is named", "set FANFARE_KAFKA_BROKERS, or kafka.brokers in the file")]
        }
        let topics = KafkaTopics(
            prefix: configuration[Settings.kafkaTopicPrefix] ?? "",
            eventPartitions: configuration[Settings.eventsPartitions],
            lanePartitions: configuration[Settings.lanesPartitions], replicas: configuration[Settings.kafkaReplicas],
            retention: configuration[Settings.retentionTopics])
        do throws(KafkaError) {
            let admin = try KafkaAdmin(
                KafkaConnection(bootstrapServers: brokers.joined(separator: ","), clientID: "fanfare"),
                timeout: Self.patience, log: .silent, metrics: MetricsRegistry())
            defer { admin.shutdown() }
            return try await look(admin, topics, brokers.joined(separator: ", "))
        } catch {
            return [
                .failed(
                    "kafka", "\(brokers.joined(separator: ", ")): \(error)",
                    "is a broker running there, and are its advertised listeners reachable from here?")
            ]
        }
    }

    private func look(
        _ admin: KafkaAdmin, _ topics: KafkaTopics, _ brokers: String
    ) async throws(KafkaError) -> [Finding] {
        var findings: [Finding] = []
        var missing: [String] = []
        let wanted: [(String, Int)] =
            [
                (topics.events, topics.eventPartitions), (topics.deliveries, topics.lanePartitions),
                (topics.audit, topics.auditPartitions), (topics.runs, topics.eventPartitions),
            ]
            + topics.delays.map { ($0, topics.lanePartitions) }
        for (name, partitions) in wanted {
            guard let found = try await admin.describe(name) else {
                missing.append(name)
                continue
            }
            if found.partitions != partitions {
                findings.append(
                    .failed(
                        "topics", "\(name) has \(found.partitions) partitions and not \(partitions)",
                        "set events.partitions and lanes.partitions to what `fanfare partitions show` prints"))
            }
            if found.replicas < topics.replicas {
                findings.append(
                    .warning(
                        "topics", "\(name) has \(found.replicas) replicas and not \(topics.replicas)",
                        "kafka-reassign-partitions.sh adds replicas"))
            }
            if let kept = try await admin.retention(of: name), kept < KafkaTopics.shortestRetention {
                findings.append(
                    .failed(
                        "topics", "\(name) keeps records for \(kept.components.seconds / 3_600) h",
                        "a delivery may wait 72 h: set retention.ms to at least \(KafkaTopics.shortestRetention.components.seconds * 1_000)"
                    ))
            }
        }
        if !missing.isEmpty {
            findings.append(
                .failed(
                    "topics", "missing: \(missing.joined(separator: ", "))",
                    "every service makes them when it starts; may it create topics (ACL)?"))
        }
        if findings.isEmpty {
            findings.append(.good("kafka", "\(brokers), \(topics.all.count) topics as they should be"))
        }
        return findings
    }
}
