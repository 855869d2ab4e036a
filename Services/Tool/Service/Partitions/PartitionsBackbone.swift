internal import Database
internal import ServiceKit
internal import Store

/// How partitions are counted and get more, on the backbone of an installation.
struct PartitionsBackbone: Sendable {
    static let nothingYet = ToolError(
        .environment,
        "no service was started on this database yet: the first one makes as many partitions as its settings say")

    private let kind: BackboneKind

    init(_ place: PartitionsPlace) throws(ToolError) {
        kind = place.configuration[Settings.backboneKind]
        guard kind == .postgres else {
            throw ToolError(.environment, "partitions on Kafka cannot be looked at or grow by this command yet")
        }
    }

    /// Nil before the first start of a service.
    func counts(_ pool: ConnectionPool) async throws -> PartitionCounts? {
        try await PartitionCounts.known(pool)
    }

    /// - Throws: `environment` while a service runs.
    func checkStopped(_ pool: ConnectionPool) async throws {
        try await StoppedServices.check(pool)
    }

    func grow(_ pool: ConnectionPool, _ plan: GrowthPlan, isRehearsal: Bool) async throws -> PartitionGrowth.Moved {
        try await PartitionGrowth.finish(pool, to: plan.to, isRehearsal: isRehearsal)
    }
}
