public import Database

/// How many partitions an installation has of what. What is stored and what waits says by its partition whose it is, so
/// the counts change by `PartitionGrowth` alone.
public struct PartitionCounts: Sendable, Hashable {
    public var events: Int
    public var lanes: Int

    public init(events: Int, lanes: Int) {
        self.events = events
        self.lanes = lanes
    }

    private static let fix = Statement(
        "partitions.count",
        "select fanfare.partition_count_v1('events', $1), fanfare.partition_count_v1('deliveries', $2)")

    /// The counts of this installation; those given if it had none so far.
    public static func fixed(
        _ executor: some StatementExecutor, events: Int, lanes: Int
    ) async throws(DatabaseError) -> PartitionCounts {
        let rows = try await executor.execute(
            fix,
            Parameters {
                $0.add(Int32(events))
                $0.add(Int32(lanes))
            })
        return PartitionCounts(events: rows.int(0, 0), lanes: rows.int(0, 1))
    }

    private static let look = Statement(
        "partitions.counts",
        """
        select (select partitions from fanfare.partition_counts where topic = 'events'),
            (select partitions from fanfare.partition_counts where topic = 'deliveries')
        """)

    /// Of an installation on Postgres alone; nil before its first start. With Kafka its topics tell.
    public static func known(_ executor: some StatementExecutor) async throws(DatabaseError) -> PartitionCounts? {
        let rows = try await executor.execute(look)
        guard let events = rows.optionalInt32(0, 0), let lanes = rows.optionalInt32(0, 1) else { return nil }
        return PartitionCounts(events: Int(events), lanes: Int(lanes))
    }
}
