public import Database
internal import EventModel

/// More partitions for an installation that has some, while none of its services runs.
///
/// On Postgres alone `finish` is all of it. With Kafka the logs change in steps between `begin` and `finish`, and no
/// service starts meanwhile.
public enum PartitionGrowth {
    // MARK: Who is in the way

    /// Somebody who works on the database.
    public struct Holder: Sendable, Hashable {
        public enum Kind: String, Sendable {
            /// Holds `count` partitions of the topic `place`, by a lease that lasts.
            case lease
            /// Has asked for partitions of the topic `place`.
            case member
            /// A service, connected `count` times from `place`.
            case session
        }

        public var kind: Kind
        public var name: String
        public var place: String
        public var count: Int

        public init(kind: Kind, name: String, place: String, count: Int) {
            self.kind = kind
            self.name = name
            self.place = place
            self.count = count
        }
    }

    private static let holders = Statement(
        "partitions.holders", "select o_kind, o_name, o_place, o_count from fanfare.partition_holders_v1()")

    public static func holders(_ executor: some StatementExecutor) async throws(DatabaseError) -> [Holder] {
        let rows = try await executor.execute(holders)
        return (0..<rows.count).map {
            Holder(
                kind: Holder.Kind(rawValue: rows.text($0, 0)) ?? .session, name: rows.text($0, 1),
                place: rows.text($0, 2), count: rows.int($0, 3))
        }
    }

    // MARK: Steps

    /// A growth that was begun and did not end.
    public struct Unfinished: Sendable, Hashable {
        public var from: PartitionCounts
        public var to: PartitionCounts

        public init(from: PartitionCounts, to: PartitionCounts) {
            self.from = from
            self.to = to
        }
    }

    private static let look = Statement(
        "partitions.growth", "select from_events, from_lanes, events, lanes from fanfare.partition_growth")

    public static func unfinished(_ executor: some StatementExecutor) async throws(DatabaseError) -> Unfinished? {
        let rows = try await executor.execute(look)
        guard !rows.isEmpty else { return nil }
        return Unfinished(
            from: PartitionCounts(events: Int(rows.int32(0, 0)), lanes: Int(rows.int32(0, 1))),
            to: PartitionCounts(events: Int(rows.int32(0, 2)), lanes: Int(rows.int32(0, 3))))
    }

    /// What `finish` gave another partition.
    public struct Moved: Sendable, Hashable {
        /// Deliveries that wait in the lanes (Postgres).
        public var deliveries: Int
        /// Attempts that wait for their time (Postgres).
        public var attempts: Int
        public var cursors: Int

        public init(deliveries: Int = 0, attempts: Int = 0, cursors: Int = 0) {
            self.deliveries = deliveries
            self.attempts = attempts
            self.cursors = cursors
        }
    }

    /// Somebody who does not know that partitions grow may wait for a lock; nobody else is there.
    private static let lockLimit: Duration = .seconds(10)
    private static let endpoints = Statement("partitions.endpoints", "select fanfare.laned_endpoints_v1()")
    private static let grow = Statement(
        "partitions.grow", "select o_lanes, o_due, o_cursors from fanfare.grow_partitions_v1($1, $2, $3, $4)")

    /// Goes over to the counts in one transaction, whatever waits.
    ///
    /// - Parameter isRehearsal: Everything is done, told and undone.
    /// - Throws: `DatabaseError`, with the state 55006 where services run.
    public static func finish(
        _ executor: some StatementExecutor, to counts: PartitionCounts, isRehearsal: Bool = false
    ) async throws -> Moved {
        try await executor.perform { connection in
            try connection.withLimits(statement: nil, lock: lockLimit) {
                do {
                    return try connection.transaction {
                        let moved = try finish(connection, to: counts)
                        if isRehearsal { throw Rehearsed(moved: moved) }
                        return moved
                    }
                } catch let rehearsed as Rehearsed {
                    return rehearsed.moved
                }
            }
        }
    }

    private struct Rehearsed: Error {
        var moved: Moved
    }

    private static func finish(_ connection: BlockingConnection, to counts: PartitionCounts) throws -> Moved {
        let rows = try connection.execute(endpoints)
        var names: [String] = []
        var lanes: [Int] = []
        names.reserveCapacity(rows.count)
        for row in 0..<rows.count {
            let name = rows.text(row, 0)
            // What is no endpoint's id is left out here, and refused there.
            guard let endpoint = EndpointID(name) else { continue }
            names.append(name)
            lanes.append(endpoint.lane(of: counts.lanes))
        }
        let answer = try connection.execute(
            grow,
            Parameters {
                $0.add(Int32(counts.events))
                $0.add(Int32(counts.lanes))
                $0.add(texts: names)
                $0.add(parts: lanes)
            })
        return Moved(deliveries: answer.int(0, 0), attempts: answer.int(0, 1), cursors: answer.int(0, 2))
    }
}
