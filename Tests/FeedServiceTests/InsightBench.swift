internal import Backbone
internal import Crypto
internal import Database
internal import Egress
internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Observability
internal import Signing
internal import Store
internal import Synchronization
internal import TestSupport
internal import Testing

@testable internal import FeedService

/// How long trace, health and undelivered take with a million events and a million rows of audit; prints, and asserts nothing about
/// time. `FANFARE_BENCH=1 swift test --filter InsightBench`
@Suite(.serialized, .enabled(if: TestFolders.environment("FANFARE_BENCH") != nil), .timeLimit(.minutes(15)))
struct InsightBench {
    private static let events = 1_000_000
    private static let webhooks = 50
    private static let requests = 1_000

    private static let page = Statement(
        "bench.page", "select event_id from fanfare.events where pos > $1 order by pos limit 20000")
    private static let attempts = Statement(
        "bench.attempts",
        """
        insert into fanfare.webhook_audit (direction, tenant_id, webhook_id, event_id, delivery_id, event_type, cause,
            attempt, started_at, total_ms, status, error_class, verdict, headers_sha256, payload_sha256)
        select 'outbound', 'acme', t.w, t.e, t.d, 'run.completed', 'live', 1, now() - interval '1 minute', 12.5,
            case when t.ok then 200 else 500 end, case when t.ok then null else 'http_5xx' end,
            case when t.ok then 'delivered' else 'dead' end, sha256('h'), sha256('p')
        from unnest($1::text[], $2::text[], $3::text[], $4::bool[]) t(w, e, d, ok)
        """)

    /// Ids have the time that they were made at, as ours do; the rest is the number.
    private func fillFeed(_ fixture: FeedFixture) async throws {
        try await fixture.pool.script(
            """
            set statement_timeout = 0;
            create function public.crockford(p bigint, p_length int) returns text language sql immutable as $f$
                select string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 1 + ((p >> (5 * i)) & 31)::int, 1), '' order by i desc)
                from generate_series(0, p_length - 1) i
            $f$;
            insert into fanfare.events (pos, recorded_at, created_at, part, event_id, tenant_id, type, envelope)
            select h.next_pos + g, t.at, t.at, 0,
                'evt_' || public.crockford((extract(epoch from t.at) * 1000)::bigint, 10) || public.crockford(g, 16),
                'acme', 'run.completed', convert_to('{"v":1,"data":{"n":' || g || ',"x":"' || repeat('x', 400) || '"}}', 'UTF8')
            from generate_series(0, \(Self.events - 1)) g
            cross join (select next_pos from fanfare.feed_head) h
            cross join lateral (select now() - interval '2 hours' + g * interval '5 milliseconds' as at) t;
            update fanfare.feed_head set next_pos = next_pos + \(Self.events);
            select fanfare.extend_partitions_v1(2);
            """, timeout: .seconds(600))
    }

    private func fillAudit(_ fixture: FeedFixture, _ webhooks: [EndpointID]) async throws -> [EventID] {
        var all: [EventID] = []
        var pos: Int64 = 0
        while all.count < Self.events {
            let rows = try await fixture.pool.execute(Self.page, Parameters { $0.add(pos) }, timeout: .seconds(60))
            guard !rows.isEmpty else { break }
            let ids = (0..<rows.count).map { row -> EventID in rows.identifier(row, 0) }
            let first = all.count
            let count = ids.count
            try await fixture.pool.execute(
                Self.attempts,
                Parameters { parameters in
                    parameters.add(texts: (0..<count).map { webhooks[($0 + first) % webhooks.count].description })
                    parameters.add(texts: ids.map(\.description))
                    parameters.add(
                        texts: ids.indices.map {
                            let webhook = webhooks[($0 + first) % webhooks.count]
                            return DeliveryID(event: ids[$0], endpoint: webhook, cause: .live).description
                        })
                    parameters.add(bools: (0..<count).map { ($0 + first) % 100 != 0 })
                }, timeout: .seconds(60))
            all += ids
            pos += Int64(count)
        }
        return all
    }

    private func measure(
        _ name: String, _ fixture: FeedFixture, _ target: @escaping @Sendable (Int) -> String
    ) async throws {
        let port = fixture.port
        let token = fixture.acme.admin
        let times = try await onThread {
            let connection = try RawConnection(port: port)
            return try (0..<Self.requests + 50).map { number -> Double in
                let start = ContinuousClock.now
                let answer = try connection.request(
                    "GET", target(number), headers: [("Authorization", "Bearer \(token)")])
                guard answer.status == 200 else { throw RawHTTPError("\(answer.status) \(answer.text)") }
                return (ContinuousClock.now - start) / .milliseconds(1)
            }
        }
        let sorted = times.dropFirst(50).sorted()
        func percentile(_ share: Double) -> String {
            let value = sorted[Int(Double(sorted.count - 1) * share)]
            return "\((value * 100).rounded() / 100)"
        }
        print("\(name): p50 \(percentile(0.5)) ms, p99 \(percentile(0.99)) ms, most \(percentile(1)) ms")
    }

    @Test func `trace, health and undelivered with a million events and a million rows of audit`() async throws {
        try await withFeed { fixture in
            var webhooks: [EndpointID] = []
            for _ in 0..<Self.webhooks { webhooks.append(try await fixture.webhook(fixture.acme)) }
            // Gets everything from the beginning, has acknowledged nothing.
            try await fillFeed(fixture)
            let events = try await fillAudit(fixture, webhooks)
            try await fixture.pool.script(
                "analyze fanfare.events; analyze fanfare.webhook_audit", timeout: .seconds(60))
            let known = webhooks
            try await measure("trace, 50 webhooks", fixture) { number in
                "/v1/events/\(events[number * 947 % events.count])/trace"
            }
            try await measure("health", fixture) { number in
                "/v1/tenant/webhooks/\(known[number % known.count])/health"
            }
            try await measure("undelivered, one in fifty acknowledged", fixture) { number in
                "/v1/tenant/webhooks/\(known[number % known.count])/undelivered?since="
                    + RFC3339.format(SystemClock().now().adding(seconds: -7_000 + Int64(number) * 2))
            }
            let narrow = try await fixture.webhook(fixture.acme, events: #"["run"]"#)
            try await fixture.pool.script(
                """
                set statement_timeout = 0;
                update fanfare.webhook_revisions set from_pos = 1 where webhook_id = '\(narrow)';
                update fanfare.webhook_audit set webhook_id = '\(narrow)' where seq between 400001 and 500000;
                """, timeout: .seconds(120))
            let ids = Array(events[400_000..<500_000])
            try await rewrite(fixture, narrow, ids)
            let last = fixture.acme
            let head = try await fixture.call("GET", "/v1/events/\(ids[0])", as: last.reader)
            #expect(head.status == 200)
            let begin = try await FeedQueries(fixture.pool).event(ids[0], tenant: last.tenant)
            let pos = try #require(begin?.row.pos)
            try await measure("undelivered, all acknowledged", fixture) { number in
                let cursor = FeedCursor(epoch: 1, pos: pos + Int64(number) * 90)
                return "/v1/tenant/webhooks/\(narrow)/undelivered?cursor=\(cursor.text)"
            }
        }
    }

    private static let rename = Statement(
        "bench.rename",
        """
        update fanfare.webhook_audit a set delivery_id = t.d, verdict = 'delivered'
        from unnest($1::text[], $2::text[]) t(e, d) where a.event_id = t.e and a.seq between $3 and $4
        """)

    /// Gives a stretch of the audit to another webhook, ids and all.
    private func rewrite(_ fixture: FeedFixture, _ webhook: EndpointID, _ events: [EventID]) async throws {
        for start in stride(from: 0, to: events.count, by: 20_000) {
            let ids = Array(events[start..<min(start + 20_000, events.count)])
            try await fixture.pool.execute(
                Self.rename,
                Parameters { parameters in
                    parameters.add(texts: ids.map(\.description))
                    parameters.add(
                        texts: ids.map { DeliveryID(event: $0, endpoint: webhook, cause: .live).description })
                    parameters.add(Int64(400_001 + start))
                    parameters.add(Int64(400_000 + start + ids.count))
                }, timeout: .seconds(120))
        }
    }
}
