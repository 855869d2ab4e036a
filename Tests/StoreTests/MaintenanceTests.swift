import Database
import EventModel
import Observability
import Store
import TestSupport
import Testing

@Suite(.serialized, .database(migrations: Schema.migrations)) struct MaintenanceTests {
    let fixture = StoreFixture()

    private func maintain(_ retention: Maintenance.Retention = .init()) async throws {
        try await Maintenance(
            fixture.pool, retention: retention, logger: TestDatabase.logger, metrics: MetricsRegistry()
        ).round()
    }

    private func partitions(_ parent: String) async throws -> Int64 {
        try await fixture.number(
            "select count(*) from pg_inherits where inhparent = 'fanfare.\(parent)'::regclass")
    }

    @Test func `partitions keep ahead of the next row, whatever it jumps to`() async throws {
        #expect(try await partitions("events") == 3)
        try await maintain()
        #expect(try await partitions("events") == 3)
        for _ in 0..<3 {
            try await fixture.pool.script("update fanfare.feed_head set next_pos = next_pos + 1000000")
            _ = try await fixture.append([fixture.event(1)])
            try await maintain()
        }
        #expect(
            try await fixture.number("select min(ahead) from fanfare.partitions_ahead_v1() where parent = 'events'")
                >= 2)
        // They filled within the hour, so the later ones are wider.
        #expect(try await fixture.number("select width from fanfare.partitioned where name = 'events'") > 1_000_000)
        #expect(
            try await fixture.number(
                """
                select count(*) from (select from_value, lag(to_value) over (order by from_value) as before
                from fanfare.partitions where parent = 'events') p where before <> from_value
                """) == 0)
    }

    @Test func `a reader that takes long holds up neither maintenance nor writers`() async throws {
        try await fixture.pool.withConnection { session in
            try await session.script(
                "set idle_in_transaction_session_timeout = 0; begin isolation level repeatable read; select count(*) from fanfare.events"
            )
            try await fixture.pool.script(
                "update fanfare.feed_head set next_pos = (select max(from_value) from fanfare.partitions where parent = 'events')"
            )
            try await maintain()
            _ = try await fixture.append([fixture.event(2)])
            try await session.script("commit")
        }
    }

    @Test func `the feed keeps what is young or not yet fanned out, and tells where it begins`() async throws {
        let first = try await fixture.append([fixture.event(3)]).first
        try await fixture.pool.script(
            "update fanfare.feed_head set next_pos = (select min(from_value) + 5 from fanfare.partitions where parent = 'events' and from_value > \(first))"
        )
        let second = try await fixture.append([fixture.event(4)]).first
        let before = try await partitions("events")
        // Young.
        _ = try await fixture.take("events", Array(0..<12))
        try await fixture.pool.script("update fanfare.progress set fanned = \(second) where topic = 'events'")
        try await maintain()
        #expect(try await partitions("events") >= before)
        // Old, but not fanned out in one part.
        try await fixture.pool.script("update fanfare.events set recorded_at = now() - interval '40 days'")
        try await fixture.pool.script("update fanfare.progress set fanned = 0 where topic = 'events' and part = 3")
        try await maintain()
        #expect(try await fixture.number("select count(*) from fanfare.events where pos = \(first)") == 1)
        // Old and fanned out.
        try await fixture.pool.script("update fanfare.progress set fanned = \(second) where topic = 'events'")
        try await maintain()
        #expect(try await fixture.number("select count(*) from fanfare.events where pos = \(first)") == 0)
        #expect(try await fixture.number("select count(*) from fanfare.events where pos = \(second)") == 1)
        let oldest = try await fixture.number("select oldest_pos from fanfare.feed_head")
        #expect(oldest > first && oldest <= second)
    }

    @Test func `lanes go when every part has settled them`() async throws {
        _ = try await fixture.take("deliveries", Array(0..<48))
        try await fixture.pool.script("update fanfare.lane_head set next_seq = 1000010")
        try await fixture.pool.script("update fanfare.progress set settled = 1000005 where topic = 'deliveries'")
        try await fixture.pool.script(
            "update fanfare.progress set settled = 999000 where topic = 'deliveries' and part = 9")
        try await maintain()
        #expect(try await fixture.number("select count(*) from fanfare.partitions where name = 'lanes_0'") == 1)
        try await fixture.pool.script(
            "update fanfare.progress set settled = 999999 where topic = 'deliveries' and part = 9")
        try await maintain()
        #expect(try await fixture.number("select count(*) from fanfare.partitions where name = 'lanes_0'") == 0)
        #expect(try await fixture.number("select count(*) from pg_class where relname = 'lanes_0'") == 0)
        #expect(try await fixture.number("select oldest_seq from fanfare.lane_head") == 1_000_000)
    }

    @Test func `what another round left half done is finished`() async throws {
        try await fixture.pool.script("update fanfare.lane_head set next_seq = 2000010")
        _ = try await fixture.take("deliveries", Array(0..<48))
        try await fixture.pool.script("update fanfare.progress set settled = 2000005 where topic = 'deliveries'")
        let before = try await partitions("lanes")
        // Detached and not dropped.
        try await fixture.pool.script("alter table fanfare.lanes detach partition fanfare.lanes_1000000")
        try await maintain()
        #expect(try await partitions("lanes") >= before - 2)
        #expect(try await fixture.number("select count(*) from pg_class where relname = 'lanes_1000000'") == 0)
        #expect(try await fixture.number("select count(*) from fanfare.partitions where name = 'lanes_1000000'") == 0)
    }

    @Test func `old generations of keys, aliases and dead letters go`() async throws {
        try await fixture.pool.script(
            """
            create table fanfare.dedupe_20200101 (like fanfare.dedupe including defaults);
            alter table fanfare.dedupe attach partition fanfare.dedupe_20200101
                for values from ('2020-01-01 00:00:00+00') to ('2020-01-02 00:00:00+00');
            insert into fanfare.event_aliases values ('old', 'x', now() - interval '3 days'), ('new', 'x', now());
            insert into fanfare.dead_letters (id, tenant_id, webhook_id, event_id, delivery_id, event_type, attempts,
                reason, payload, dead_at)
            values ('a', 't', 'w', 'e', 'd1', 'x', 1, 'r', '', now() - interval '31 days'),
                ('b', 't', 'w', 'e', 'd2', 'x', 1, 'r', '', now());
            """)
        try await maintain()
        #expect(try await fixture.number("select count(*) from pg_class where relname = 'dedupe_20200101'") == 0)
        #expect(try await fixture.number("select count(*) from fanfare.event_aliases where alias_id = 'new'") == 1)
        #expect(try await fixture.number("select count(*) from fanfare.event_aliases") == 1)
        #expect(try await fixture.number("select count(*) from fanfare.dead_letters where id in ('a', 'b')") == 1)
        #expect(try await partitions("dedupe") == 3)
    }

    @Test func `a dead letter that is past its time leaves a row in the audit, a line in the log and a count`()
        async throws
    {
        let registry = MetricsRegistry()
        let sink = CapturingLogSink()
        try await fixture.pool.script(
            """
            insert into fanfare.dead_letters (id, tenant_id, webhook_id, event_id, delivery_id, event_type, attempts,
                reason, payload, dead_at, redriven_at)
            values ('old1', 't7', 'w', 'e1', 'dd1', 'x', 4, 'r', 'abc', now() - interval '31 days', null),
                ('old2', 't7', 'w', 'e2', 'dd2', 'x', 1, 'r', '', now() - interval '31 days', now()),
                ('young', 't7', 'w', 'e3', 'dd3', 'x', 1, 'r', '', now() - interval '29 days', null);
            """)
        try await Maintenance(fixture.pool, logger: Logger(service: "tests", sink: sink), metrics: registry).round()
        #expect(try await fixture.number("select count(*) from fanfare.dead_letters where tenant_id = 't7'") == 1)
        #expect(
            try await fixture.number(
                """
                select count(*) from fanfare.webhook_audit where direction = 'management' and verdict = 'dropped'
                    and dead_letter_id = 'old1' and event_id = 'e1' and delivery_id is null and attempt = 4
                    and reason = 'retention' and actor = 'retention' and payload_sha256 = sha256('abc')
                """) == 1)
        #expect(
            try await fixture.number(
                "select count(*) from fanfare.webhook_audit where dead_letter_id = 'old2' and verdict = 'dropped'") == 1
        )
        var bytes: [UInt8] = []
        registry.render(into: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self).contains("fanfare_dead_letters_dropped_total 1\n"))
        #expect(sink.lines.contains { $0.contains("dead-letters-dropped") })
    }

    @Test func `a partition of the audit that fills slowly is ended by age, and goes by age`() async throws {
        func insert(_ age: String) async throws {
            try await fixture.pool.script(
                """
                insert into fanfare.webhook_audit (direction, tenant_id, attempt, started_at, verdict)
                values ('inbound', 't', 1, now() - interval '\(age)', 'accepted')
                """)
        }
        func next() async throws -> Int64 { try await fixture.number("select fanfare.next_value('webhook_audit')") }
        try await insert("2 days")
        try await maintain()
        let begin = try await fixture.number(
            "select from_value from fanfare.partitions where parent = 'webhook_audit' order by 1 limit 1")
        let end = try await fixture.number(
            "select to_value from fanfare.partitions where parent = 'webhook_audit' order by 1 limit 1")
        #expect(try await next() < end)
        // Three days are a tenth of the retention.
        try await fixture.pool.script("update fanfare.webhook_audit set started_at = now() - interval '4 days'")
        try await maintain()
        #expect(try await next() == end)
        try await insert("1 hour")
        try await maintain()
        #expect(try await next() == end + 1)
        #expect(try await fixture.number("select min(seq) from fanfare.webhook_audit") < end)
        var retention = Maintenance.Retention()
        retention.audit = .seconds(3 * 86_400)
        try await maintain(retention)
        #expect(try await fixture.number("select min(seq) from fanfare.webhook_audit") == end)
        #expect(
            try await fixture.number(
                "select min(from_value) from fanfare.partitions where parent = 'webhook_audit'") > begin)
    }

    @Test func `two rounds at once do not disturb each other`() async throws {
        try await withThrowingTaskGroup { group in
            for _ in 0..<4 { group.addTask { try await maintain() } }
            try await group.waitForAll()
        }
    }

    @Test func `a failover leaves a gap, a restore starts a new epoch`() async throws {
        let next = try await fixture.number("select next_pos from fanfare.feed_head")
        let epoch = try await fixture.number("select fanfare.adopt_cluster_v1()")
        #expect(try await fixture.number("select next_pos from fanfare.feed_head") == next)
        let held = try await fixture.take("deliveries", [46])[0]
        let lane = try await fixture.number("select next_seq from fanfare.lane_head")
        try await becomeAnother("timeline = timeline + 7")
        #expect(try await fixture.number("select fanfare.adopt_cluster_v1()") == epoch)
        #expect(try await fixture.number("select next_pos from fanfare.feed_head") == next + Self.leap)
        #expect(try await fixture.number("select next_seq from fanfare.lane_head") == lane + Self.leap)
        // Whoever holds a partition has to take it again.
        #expect(try await fixture.take("deliveries", [46])[0].epoch > held.epoch + Self.leap)
        try await becomeAnother("system_identifier = 'another'")
        #expect(try await fixture.number("select fanfare.adopt_cluster_v1()") == epoch + 1)
        #expect(try await fixture.number("select next_pos from fanfare.feed_head") == next + 2 * Self.leap)
        #expect(try await fixture.append([fixture.event(9)]).first == next + 2 * Self.leap)
    }

    @Test func `nothing is put on the feed of another cluster before its positions have leapt`() async throws {
        let next = try await fixture.append([fixture.event(20)]).first
        try await becomeAnother("timeline = timeline + 7")
        let error = await #expect(throws: DatabaseError.self) { try await fixture.append([fixture.event(21)]) }
        #expect(error?.sqlState == "57P03")
        await #expect(throws: DatabaseError.self) {
            try await fixture.pool.script("update fanfare.feed_head set config_version = config_version + 1")
        }
        try await maintain()
        let after = try await fixture.append([fixture.event(22)]).first
        #expect(after == next + 1 + Self.leap)
        // A restart of the same server is nothing of the kind.
        try await fixture.pool.script("update fanfare.feed_head set server_started = '2020-01-01'")
        #expect(try await fixture.append([fixture.event(23)]).first == after + 1)
        for table in ["events", "lanes", "webhook_audit"] {
            let ahead = try await fixture.number(
                "select ahead from fanfare.partitions_ahead_v1() where parent = '\(table)'")
            #expect(ahead == 2)
        }
    }

    private static let leap: Int64 = 1 << 40

    /// As a backup is that was restored under another server.
    private func becomeAnother(_ change: String) async throws {
        try await fixture.pool.script(
            """
            update fanfare.feed_head set server_started = pg_postmaster_start_time();
            update fanfare.feed_head set \(change), server_started = '2020-01-01';
            """)
    }
}
