/// The schema's versions, in order. Forward only; a released one never changes.
enum SchemaSource {
    static let all: [(version: Int, name: String, sql: String)] = [
        (1, "feed", M001Feed.sql),
        (2, "store-functions", M002StoreFunctions.sql),
        (3, "delivery", M003Delivery.sql),
        (4, "tenancy", M004Tenancy.sql),
        (5, "maintenance", M005Maintenance.sql),
        (6, "management", M006Management.sql),
        (7, "reading", M007Reading.sql),
        (8, "inbound", M008Inbound.sql),
        (10, "triggers", M010Triggers.sql),
        (11, "audit-indexes", M011AuditIndexes.sql),
        (12, "cursors", M012Cursors.sql),
        (13, "dead-letters-and-jobs", M013DeadLetters.sql + M013Jobs.sql),
        (14, "endpoints", M014Endpoints.sql + M014Endpoints.health + M014Endpoints.equipment),
        (15, "insight", M015Insight.sql),
        (16, "traces", M016Traces.sql),
        (17, "recovery", M017Recovery.sql),
        (18, "partition-counts", M018PartitionCounts.sql),
        (19, "cursor-traces", M019CursorTraces.sql),
        (20, "event-audit", M020EventAudit.sql),
        (21, "partition-growth", M021PartitionGrowth.sql),
    ]

    /// For versions that take something away: the oldest version that programs have to know from there on. It is the one
    /// with which a release stopped to need what is taken, so that the release before this one still runs.
    static let compatibleFrom: [Int: Int] = [:]
}
