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

/// The audit as NDJSON.
@Suite(.timeLimit(.minutes(5))) struct AuditExportTests {
    private func fill(_ fixture: FeedFixture, _ webhooks: [EndpointID], rows: Int) async throws {
        let ids = webhooks.map { "'\($0)'" }.joined(separator: ",")
        try await fixture.pool.script(
            """
            insert into fanfare.webhook_audit (direction, tenant_id, webhook_id, event_id, delivery_id, event_type, cause,
                attempt, started_at, verdict, response_head)
            select 'outbound', 'acme', (array[\(ids)])[1 + g % \(webhooks.count)],
                'evt_' || lpad(g::text, 26, '0'), 'dlv_' || lpad(g::text, 26, '0'), 'a', 'live', 1,
                now() - interval '1 hour' + g * interval '1 millisecond', 'delivered', convert_to(repeat('x', 200), 'UTF8')
            from generate_series(1, \(rows)) g;
            insert into fanfare.webhook_audit (direction, tenant_id, integration_id, channel, attempt, started_at, verdict)
            select 'inbound', 'acme', 'int_1', 'github', 1, now() - interval '1 hour' + g * interval '1 millisecond',
                'accepted' from generate_series(1, 50) g;
            insert into fanfare.webhook_audit (direction, tenant_id, webhook_id, attempt, started_at, verdict)
            select 'outbound', 'other', 'wh_00000000000000000000000000', 1, now(), 'delivered'
            from generate_series(1, 30) g;
            """)
    }

    private func export(_ fixture: FeedFixture, _ query: String = "") async throws -> [JSONValue] {
        let answer = try await fixture.call("GET", "/v1/tenant/audit/export?\(query)", as: fixture.acme.admin)
        #expect(answer.status == 200)
        #expect(answer.raw["Content-Type"] == "application/x-ndjson")
        return try answer.raw.body.split(separator: 0x0A).map { try JSONValue(parsing: Array($0)) }
    }

    @Test func `it has every row of the tenant in order, once, both directions`() async throws {
        try await withFeed { fixture in
            let webhooks = [try await fixture.webhook(fixture.acme), try await fixture.webhook(fixture.acme)]
            try await fill(fixture, webhooks, rows: 3_000)
            let rows = try await export(fixture)
            let seqs = rows.compactMap { $0["seq"]?.int }
            #expect(seqs.count == 3_050)
            #expect(seqs == seqs.sorted() && Set(seqs).count == seqs.count)
            #expect(rows.allSatisfy { $0["tenant_id"]?.text == "acme" })
            #expect(rows.first?["response_head"]?.text?.count == 200)
            // On from a row.
            let rest = try await export(fixture, "after=\(seqs[2_999])")
            #expect(rest.compactMap { $0["seq"]?.int } == Array(seqs[3_000...]))
            #expect(try await export(fixture, "direction=inbound").count == 50)
            #expect(try await export(fixture, "direction=outbound").count == 3_000)
            #expect(try await export(fixture, "integration_id=int_1").count == 50)
            #expect(try await export(fixture, "webhook_id=\(webhooks[0])").count == 1_500)
            let begin = try #require(rows[0]["started_at"]?.text)
            let middle = try #require(rows[999]["started_at"]?.text)
            #expect(try await export(fixture, "until=\(middle)&direction=outbound").count == 999)
            #expect(try await export(fixture, "since=\(middle)&direction=outbound").count == 2_001)
            #expect(try await export(fixture, "until=\(begin)").isEmpty)
            for bad in ["direction=x", "after=-1", "after=x", "since=x", "webhook_id=x"] {
                let answer = try await fixture.call("GET", "/v1/tenant/audit/export?\(bad)", as: fixture.acme.admin)
                #expect(answer.status == 400, "\(bad)")
            }
        }
    }

    @Test func `numbers that were left out, and a tenant with many webhooks, cost no row`() async throws {
        try await withFeed { fixture in
            let webhook = try await fixture.webhook(fixture.acme)
            try await fill(fixture, [webhook], rows: 700)
            try await fixture.pool.script(
                "select setval('fanfare.webhook_audit_seq_seq', 999999), fanfare.extend_partitions_v1(2)")
            try await fill(fixture, [webhook], rows: 700)
            #expect(try await export(fixture).count == 1_500)
            try await fixture.pool.script(
                """
                insert into fanfare.webhook_revisions (version, webhook_id, tenant_id, from_pos, status, url, events, secrets)
                select 1000 + g, 'wh_' || lpad(g::text, 26, '0'), 'acme', 1, 'deleted', 'u', '{}', '{}'
                from generate_series(1, 400) g
                """)
            #expect(try await export(fixture).count == 1_500)
        }
    }

    @Test func `a writer that began before an export is waited for, so that a resumed one misses nothing`() async throws
    {
        try await withFeed { fixture in
            let webhook = try await fixture.webhook(fixture.acme)
            try await fill(fixture, [webhook], rows: 10)
            let queries = AuditExportQueries(fixture.pool)
            try await fixture.pool.withConnection { session in
                try await session.script(
                    """
                    begin;
                    insert into fanfare.webhook_audit (direction, tenant_id, webhook_id, attempt, started_at, verdict)
                    values ('outbound', 'acme', '\(webhook)', 1, now(), 'late')
                    """)
                try await fill(fixture, [webhook], rows: 10)
                var position = try await queries.begin(AuditExportFilter(tenant: fixture.acme.tenant), after: nil)
                let mark = try await queries.writersMark()
                #expect(try await !queries.isSettled(mark))
                try await session.script("commit")
                // Transactions of other databases in the cluster count too.
                try await eventually("it is settled") { try await queries.isSettled(mark) }
                var verdicts: [String] = []
                while let rows = try await queries.next(&position) { verdicts += rows.map(\.verdict) }
                #expect(verdicts.filter { $0 == "late" }.count == 1)
                #expect(verdicts.count == 121)
            }
            #expect(try await export(fixture).count == 121)
        }
    }

    @Test func `a client that takes nothing is cut off, others go on, and there are only so many at once`() async throws
    {
        var limits = FeedService.Limits()
        limits.exports = 1
        limits.exportPatience = .milliseconds(300)
        try await withFeed(limits: limits) { fixture in
            let webhook = try await fixture.webhook(fixture.acme)
            try await fill(fixture, [webhook], rows: 40_000)
            let port = fixture.port
            let token = fixture.acme.admin
            let slow = try await onThread {
                let connection = try RawConnection(port: port, receiveBuffer: 4_096)
                try connection.sendRequest(
                    "GET", "/v1/tenant/audit/export", headers: [("Authorization", "Bearer \(token)")])
                return TestBox(connection)
            }
            try await eventually("the place is taken") {
                try await fixture.call("GET", "/v1/tenant/audit/export?direction=inbound", as: token).status == 503
            }
            // The slow one is let go, and its place is free again.
            try await eventually("the place is free") {
                let answer = try await fixture.call("GET", "/v1/tenant/audit/export?direction=inbound", as: token)
                return answer.status == 200
            }
            try await onThread {
                let isWhole = slow.use { (try? $0.readResponse()) != nil }
                #expect(!isWhole, "an answer that was cut off has no end")
            }
        }
    }
}
