internal import Database
internal import KafkaBackbone
internal import Observability
internal import ServiceKit
internal import Store

/// How partitions are counted and get more, on the backbone of an installation.
enum PartitionsBackbone: Sendable {
    case postgres
    case kafka(KafkaGrowth)

    static let nothingYet = ToolError(
        .environment,
        "no service was started on this installation yet: the first one makes as many partitions as its settings say")

    /// - Throws: `ConfigurationError`, `KafkaError`.
    init(_ configuration: Configuration) throws {
        switch configuration[Settings.backboneKind] {
        case .postgres: self = .postgres
        case .kafka:
            self = .kafka(
                try KafkaGrowth(
                    KafkaConnection(
                        bootstrapServers: try configuration.required(Settings.kafkaBrokers).joined(separator: ","),
                        clientID: "fanfare"), prefix: configuration[Settings.kafkaTopicPrefix] ?? "", log: .silent,
                    metrics: MetricsRegistry()))
        }
    }

    func shutdown() {
        if case .kafka(let growth) = self { growth.shutdown() }
    }

    /// Nil before the first start of a service.
    func counts(_ database: some StatementExecutor) async throws -> PartitionCounts? {
        switch self {
        case .postgres: try await PartitionCounts.known(database)
        case .kafka(let growth): try await growth.counts()
        }
    }

    /// - Throws: `environment` while a service runs.
    func checkStopped(_ database: some StatementExecutor) async throws {
        switch self {
        case .postgres: try await StoppedServices.check(database)
        case .kafka(let growth): try await StoppedServices.check(database) { try await growth.members() }
        }
    }

    func grow(
        _ database: some StatementExecutor, _ plan: GrowthPlan, isRehearsal: Bool
    ) async throws -> PartitionGrowth.Moved {
        switch self {
        case .postgres:
            return try await PartitionGrowth.finish(database, to: plan.to, rehearsing: isRehearsal ? .alone : nil)
        case .kafka(let growth):
            let begun = PartitionGrowth.Unfinished(from: plan.from, to: plan.to)
            return isRehearsal ? try await growth.rehearse(database, begun) : try await growth.grow(database, begun)
        }
    }
}
