public import Database
internal import EventModel

/// More partitions for an installation that has some, while none of its services runs.
///
/// On Postgres alone `finish` is all of it. With Kafka the logs change in steps between `begin` and `finish`, and no
/// service starts meanwhile.
public enum PartitionGrowth {
    // MARK: Who is in the way

    /// "partitio" in ASCII: the key of the advisory lock.
    private static let lockKey: Int64 = 0x70_61_72_74_69_74_69_6F
    private static let exclude = Statement("partitions.lock", "select pg_advisory_lock($1)")

    /// Keeps others from growing anything as long as the session lasts.
    ///
    /// - Throws: `DatabaseError`, with the state 55P03 where somebody else does.
    public static func lock(_ session: Session) async throws {
        try await session.perform { connection in
            try connection.withLimits(statement: nil, lock: lockLimit) {
                _ = try connection.execute(exclude, Parameters { $0.add(lockKey) })
            }
        }
    }

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

        /// What ends it, for people.
        public var command: String { "fanfare partitions grow --events \(to.events) --lanes \(to.lanes)" }
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

    private static let begin = Statement(
        "partitions.begin",
        """
        insert into fanfare.partition_growth (from_events, from_lanes, events, lanes) values ($1, $2, $3, $4)
        on conflict do nothing
        """)

    private static func parameters(_ growth: Unfinished) -> Parameters {
        Parameters {
            for count in [growth.from.events, growth.from.lanes, growth.to.events, growth.to.lanes] {
                $0.add(Int32(count))
            }
        }
    }

    /// Keeps services from starting until `finish`. One that was begun goes on.
    public static func begin(_ executor: some StatementExecutor, _ growth: Unfinished) async throws(DatabaseError) {
        _ = try await executor.execute(begin, parameters(growth))
    }

    /// What lay in a partition of the lanes when it began.
    public struct Tail: Sendable, Hashable {
        /// As the brokers call it.
        public var topic: String
        public var part: Int
        public var offsets: Range<Int64>

        public init(topic: String, part: Int, offsets: Range<Int64>) {
            self.topic = topic
            self.part = part
            self.offsets = offsets
        }
    }

    private static let recall = Statement(
        "partitions.tails",
        "select topic, part, from_offset, to_offset from fanfare.partition_tails order by topic, part")
    private static let keep = Statement(
        "partitions.keep-tails",
        """
        insert into fanfare.partition_tails (topic, part, from_offset, to_offset)
        select * from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[])
        """)

    /// What `keep` wrote; empty before.
    public static func tails(_ executor: some StatementExecutor) async throws(DatabaseError) -> [Tail] {
        let rows = try await executor.execute(recall)
        return (0..<rows.count).map {
            Tail(
                topic: rows.text($0, 0), part: Int(rows.int32($0, 1)), offsets: rows.int64($0, 2)..<rows.int64($0, 3))
        }
    }

    public static func keep(_ executor: some StatementExecutor, _ tails: [Tail]) async throws(DatabaseError) {
        _ = try await executor.execute(
            keep,
            Parameters {
                $0.add(texts: tails.map(\.topic))
                $0.add(parts: tails.map(\.part))
                $0.add(int64s: tails.map(\.offsets.lowerBound))
                $0.add(int64s: tails.map(\.offsets.upperBound))
            })
    }

    /// What was given another partition.
    public struct Moved: Sendable, Hashable {
        /// Deliveries that wait in the lanes.
        public var deliveries: Int
        /// Attempts that wait for their time.
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
    /// - Parameters:
    ///   - rehearsing: Everything is done, told and undone, as if this growth had begun where it has to.
    /// - Throws: `DatabaseError`, with the state 55006 where services run.
    public static func finish(
        _ executor: some StatementExecutor, to counts: PartitionCounts, rehearsing: Rehearsal? = nil
    ) async throws -> Moved {
        try await executor.perform { connection in
            try connection.withLimits(statement: nil, lock: lockLimit) {
                do {
                    return try connection.transaction {
                        if case .after(let growth) = rehearsing {
                            _ = try connection.execute(begin, parameters(growth))
                        }
                        let moved = try finish(connection, to: counts)
                        if rehearsing != nil { throw Rehearsed(moved: moved) }
                        return moved
                    }
                } catch let rehearsed as Rehearsed {
                    return rehearsed.moved
                }
            }
        }
    }

    public enum Rehearsal: Sendable {
        case alone
        case after(Unfinished)
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
