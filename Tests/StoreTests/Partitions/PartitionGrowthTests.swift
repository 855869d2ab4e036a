import Database
import EventModel
import Observability
import Store
import TestSupport
import Testing

/// More partitions: what waits is seen once and only once by whoever owns it now.
@Suite(.serialized) struct PartitionGrowthTests {
    private static let old = PartitionCounts(events: 3, lanes: 4)
    private static let new = PartitionCounts(events: 5, lanes: 9)
    private static let endpoints = (0..<40).map {
        EndpointID(Ulid(milliseconds: 1_780_000_000_000, randomHigh: 3, randomLow: UInt64($0)))
    }

    private static func cursor(_ number: Int) -> CursorID { CursorID(Ulid(high: 4, low: UInt64(number))) }

    let pool = TestDatabase.current.pool()

    /// An installation with something of everything: of each endpoint three rows in its lane, of which those of the first
    /// part are all settled and of others the first third; a waiting attempt and a cursor of every fourth.
    private func furnish(_ counts: PartitionCounts = old, firstSeq: Int = 1) async throws {
        _ = try await PartitionCounts.fixed(pool, events: counts.events, lanes: counts.lanes)
        for (topic, parts) in [("events", counts.events), ("deliveries", counts.lanes)] {
            _ = try await pool.execute(
                LeaseStatement.statement,
                LeaseStatement.parameters(topic: topic, member: "before", timeToLive: .seconds(60), parts: parts))
            _ = try await pool.execute(
                LeaseStatement.statement,
                LeaseStatement.parameters(
                    topic: topic, member: "before", timeToLive: .seconds(60), parts: parts, isLeaving: true))
        }
        var lines = ["update fanfare.lane_head set next_seq = \(firstSeq + 120)"]
        for number in 0..<120 {
            let endpoint = Self.endpoints[number % 40]
            lines.append(
                """
                insert into fanfare.lanes (seq, pos, version, part, made_at, endpoint_id, cause) values
                (\(firstSeq + number), \(1_000 + number), \(number), \(endpoint.lane(of: counts.lanes)),
                'epoch'::timestamptz + interval '\(number) s', '\(endpoint)', 'live')
                """)
        }
        lines.append(
            """
            update fanfare.progress set settled = case part when 0 then \(firstSeq + 119) else \(firstSeq + 39) end
            where topic = 'deliveries'
            """)
        for (number, endpoint) in Self.endpoints.enumerated() where number % 4 == 0 {
            lines.append(
                """
                insert into fanfare.due (part, delivery_id, due_at, first_at, pos, version, attempt, endpoint_id, cause)
                values (\(endpoint.lane(of: counts.lanes)), 'dlv_\(number)', now(), now(), \(1_000 + number), 1, 2,
                '\(endpoint)', 'live')
                """)
            lines.append(
                """
                insert into fanfare.cursors (id, kind, tenant_id, endpoint_id, part, cause, from_pos, pos)
                values ('\(Self.cursor(number))', 'span', 'acme', '\(endpoint)', \(endpoint.lane(of: counts.lanes)), 'live', 7, 6)
                """)
        }
        for number in 0..<10 {
            lines.append(
                """
                insert into fanfare.events (pos, recorded_at, created_at, part, event_id, tenant_id, type, envelope)
                values (\(number + 1), now(), now(), \(number % counts.events), 'evt_\(number)', 'acme', 'a', '')
                """)
        }
        lines.append("update fanfare.feed_head set next_pos = 11")
        lines.append("update fanfare.progress set fanned = 4 where topic = 'events'")
        try await pool.script(lines.joined(separator: ";\n"))
    }

    /// As text, row by row.
    private func list(_ sql: String) async throws -> [String] {
        try await pool.script(Self.helper)
        return try await pool.execute(Self.evaluate, Parameters { $0.add(sql) }).textArray(0, 0)
    }

    private static let evaluate = Statement("growth.list", "select public.test_list($1)")
    private static let helper = """
        create or replace function public.test_list(p_sql text) returns text[] language plpgsql as $$
        declare v text[];
        begin
            execute format('select array(select t::text from (%s) t)', p_sql) into v;
            return v;
        end $$
        """

    /// Rows that a worker would read, as its own part tells.
    private let unsettled = """
        select l.endpoint_id, l.pos, l.version, l.made_at, l.cause from fanfare.lanes l
        join fanfare.progress p on p.topic = 'deliveries' and p.part = l.part where l.seq > p.settled order by l.seq
        """
    private let unfanned = """
        select e.pos, e.part from fanfare.events e join fanfare.progress p on p.topic = 'events' and p.part = e.part
        where e.pos > p.fanned order by e.pos
        """
    private let everything = """
        select * from (select 'p', p::text from fanfare.progress p union all select 'l', l::text from fanfare.lanes l
        union all select 'd', d::text from fanfare.due d union all select 'c', c::text from fanfare.cursors c
        union all select 'n', n::text from fanfare.partition_counts n union all select 'h', h::text from fanfare.lane_head h)
        a order by 1, 2
        """

    @Test(.database(migrations: Schema.migrations), arguments: [1, 2_999_900])
    func `what waits is in its endpoint's new lane, once, and what is done is not`(firstSeq: Int) async throws {
        // At the second, the rows that are appended need partitions of the table that are not there yet.
        if firstSeq > 1 {
            try await pool.script(
                "update fanfare.partitioned set width = 40, widest = 40; update fanfare.lane_head set next_seq = \(firstSeq)"
            )
            try await pool.script("select fanfare.extend_partitions_v1(5)")
        }
        try await furnish(firstSeq: firstSeq)
        let (before, events) = (try await list(unsettled), try await list(unfanned))
        #expect(!before.isEmpty && before.count < 80 && events.count == 6)

        let rehearsed = try await list(everything)
        let would = try await PartitionGrowth.finish(pool, to: Self.new, rehearsing: .alone)
        #expect(try await list(everything) == rehearsed, "a rehearsal leaves nothing")
        let moved = try await PartitionGrowth.finish(pool, to: Self.new)
        #expect(moved == would && moved.deliveries == before.count)

        #expect(try await list(unsettled) == before, "all that was open, each once and in its order")
        #expect(try await list(unfanned) == events)
        let lanes = Dictionary(uniqueKeysWithValues: Self.endpoints.map { ("\($0)", $0.lane(of: Self.new.lanes)) })
        let places = try await list(
            """
            select l.endpoint_id, l.part from fanfare.lanes l join fanfare.progress p on p.topic = 'deliveries'
                and p.part = l.part where l.seq > p.settled
            union all select endpoint_id, part from fanfare.due union all select endpoint_id, part from fanfare.cursors
            """)
        #expect(places.count == before.count + 20)
        for place in places {
            let fields = place.dropFirst().dropLast().split(separator: ",")
            #expect(lanes[String(fields[0])] == Int(fields[1]), "\(place)")
        }
        let moves = Self.endpoints.enumerated().count {
            $0.offset % 4 == 0 && $0.element.lane(of: 4) != $0.element.lane(of: 9)
        }
        #expect(moved.attempts == moves && moved.cursors == moves)
        #expect(try await PartitionCounts.known(pool) == Self.new)
        #expect(
            try await list("select part, fanned from fanfare.progress where topic = 'events' order by part")
                == ["(0,4)", "(1,4)", "(2,4)", "(3,10)", "(4,10)"])
        // There is room for what comes next.
        #expect(try await list("select ahead from fanfare.partitions_ahead_v1() where parent = 'lanes'") == ["(2)"])
    }

    @Test(.database(migrations: Schema.migrations))
    func `more matchers alone leave the lanes as they are, and growing twice changes nothing more`() async throws {
        try await furnish()
        let lanes = try await list(unsettled)
        let counts = PartitionCounts(events: 4, lanes: Self.old.lanes)
        #expect(try await PartitionGrowth.finish(pool, to: counts) == PartitionGrowth.Moved())
        #expect(try await PartitionCounts.known(pool) == counts)
        #expect(try await list(unsettled) == lanes)
        #expect(try await list("select count(*) from fanfare.lanes") == ["(120)"])
        #expect(try await PartitionGrowth.finish(pool, to: counts) == PartitionGrowth.Moved())
        #expect(try await PartitionCounts.known(pool) == counts)
    }

    @Test(.database(migrations: Schema.migrations))
    func `whoever held something before writes nothing, and takes nothing with the old counts`() async throws {
        try await furnish()
        let fixture = StoreFixture()
        let old = try await fixture.take("events", [0, 1])
        let cursors = CursorStore(pool)
        let lane = Self.endpoints[0].lane(of: Self.old.lanes)
        let epoch = try #require(try await cursors.take(lanes: [lane]).epochs[lane])
        _ = try await PartitionGrowth.finish(pool, to: Self.new)

        let refused = RecordFannedStatement.refused(
            try await pool.execute(
                RecordFannedStatement.statement,
                RecordFannedStatement.parameters(
                    topic: "events", owned: old.map { OwnedPart(part: $0.part, epoch: $0.epoch) }, fanned: 10)))
        #expect(refused.sorted() == [0, 1])
        let progress = CursorProgress(
            id: Self.cursor(0), lane: lane, epoch: epoch, pos: 9)
        #expect(try await cursors.record([progress]) == [Self.cursor(0): .refused])
        func lease(parts: Int, isLeaving: Bool = false) async throws -> Int {
            try await pool.execute(
                LeaseStatement.statement,
                LeaseStatement.parameters(
                    topic: "deliveries", member: "late", timeToLive: .seconds(60), parts: parts, isLeaving: isLeaving)
            ).count
        }
        await #expect(throws: DatabaseError.self) { try await lease(parts: Self.old.lanes) }
        #expect(try await lease(parts: Self.old.lanes, isLeaving: true) == 0)
        #expect(try await lease(parts: Self.new.lanes) == Self.new.lanes)
    }

    @Test(.database(migrations: Schema.migrations))
    func `nothing grows while a lease lasts or a service is connected, and nobody is forgotten`() async throws {
        try await furnish()
        func state() async -> String? {
            do {
                _ = try await PartitionGrowth.finish(pool, to: Self.new)
                return nil
            } catch {
                return (error as? DatabaseError)?.sqlState
            }
        }
        _ = try await pool.execute(
            LeaseStatement.statement,
            LeaseStatement.parameters(
                topic: "deliveries", member: "worker", timeToLive: .seconds(600), parts: Self.old.lanes))
        let holders = try await PartitionGrowth.holders(pool)
        #expect(
            holders == [
                PartitionGrowth.Holder(kind: .lease, name: "worker", place: "deliveries", count: Self.old.lanes)
            ])
        #expect(await state() == "55006")
        try await pool.script("update fanfare.leases set until = now() - interval '1 s'")
        #expect(try await PartitionGrowth.holders(pool).map(\.kind) == [.member])
        #expect(await state() == "55006")
        try await pool.script("update fanfare.members set until = now() - interval '1 s'")

        var configuration = TestDatabase.current.configuration(connections: 1)
        configuration.applicationName = "fanfare-ingest"
        let service = ConnectionPool(
            configuration, name: "test", logger: TestDatabase.logger, metrics: MetricsRegistry())
        _ = try await service.execute(Statement("growth.one", "select 1"))
        #expect(try await PartitionGrowth.holders(pool).map(\.name) == ["fanfare-ingest"])
        #expect(await state() == "55006")
        await service.shutdown()
        try await eventually("its session is gone") { try await PartitionGrowth.holders(pool).isEmpty }
        #expect(try await PartitionCounts.known(pool) == Self.old)
        #expect(await state() == nil)
        #expect(try await PartitionCounts.known(pool) == Self.new)
    }

    @Test(.database(migrations: Schema.migrations))
    func `fewer partitions are refused, and so is a database that never had any`() async throws {
        await #expect(throws: DatabaseError.self) { try await PartitionGrowth.finish(pool, to: Self.new) }
        #expect(try await PartitionCounts.known(pool) == nil)
        try await furnish()
        let everything = try await list(everything)
        for counts in [PartitionCounts(events: 2, lanes: 9), PartitionCounts(events: 5, lanes: 3)] {
            await #expect(throws: DatabaseError.self) { try await PartitionGrowth.finish(pool, to: counts) }
        }
        #expect(try await list(self.everything) == everything)
    }
}
