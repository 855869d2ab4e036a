public import Database

/// How many partitions an installation has of what: fixed when it is made, since what is stored and what waits says by its
/// partition whose it is.
public enum PartitionCounts {
    private static let fix = Statement(
        "partitions.count",
        "select fanfare.partition_count_v1('events', $1), fanfare.partition_count_v1('deliveries', $2)")

    /// The counts of this installation; those given if it had none so far.
    public static func fixed(
        _ executor: some StatementExecutor, events: Int, lanes: Int
    ) async throws(DatabaseError) -> (events: Int, lanes: Int) {
        let rows = try await executor.execute(
            fix,
            Parameters {
                $0.add(Int32(events))
                $0.add(Int32(lanes))
            })
        return (rows.int(0, 0), rows.int(0, 1))
    }
}
