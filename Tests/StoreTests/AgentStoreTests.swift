import Database
import EventModel
import Store
import TestSupport
import Testing

@Suite(.serialized, .database(migrations: Schema.migrations)) struct AgentStoreTests {
    private let fixture = StoreFixture()
    private let now = SystemClock().now()

    private func workspace(_ name: String) async throws -> (TenantID, WorkspaceID) {
        let tenant = try #require(TenantID(name))
        _ = try await TenantStore(fixture.pool).create(tenant, name: name)
        let id = WorkspaceID.make(at: now)
        _ = try await WorkspaceStore(fixture.pool).create(id, tenant: tenant, name: "")
        return (tenant, id)
    }

    @Test func `an assignment takes effect from a position, and one that changes nothing makes no revision`()
        async throws
    {
        let (tenant, workspace) = try await workspace("roles")
        let roles = RoleStore(fixture.pool)
        let revisions = RevisionStore(pool: fixture.pool)
        let before = try await revisions.changes(since: 0).version
        let role = "webhook.stripe.payment_succeeded"
        let first = try #require(try await roles.put(role, workspace: workspace, tenant: tenant, agent: "a1"))
        #expect(first.isNew)
        let next = try await fixture.append([fixture.event(1)])
        let same = try #require(try await roles.put(role, workspace: workspace, tenant: tenant, agent: "a1"))
        #expect(!same.isNew)
        let other = try #require(try await roles.put(role, workspace: workspace, tenant: tenant, agent: "a2"))
        #expect(!other.isNew)
        #expect(other.record.agent == "a2")
        #expect(try await roles.delete(role, workspace: workspace, tenant: tenant))

        let changes = try await revisions.changes(since: before)
        #expect(changes.roles.map(\.agent) == ["a1", "a2", nil])
        #expect(changes.roles.map(\.fromPos) == [next.first, next.first + 1, next.first + 1])
        #expect(changes.version == changes.roles.last?.version)
        let stranger = try await self.workspace("strangers").0
        #expect(try await roles.put(role, workspace: workspace, tenant: stranger, agent: "x") == nil)
    }

    @Test func `a workspace that goes ends its roles`() async throws {
        let (tenant, workspace) = try await workspace("going")
        let roles = RoleStore(fixture.pool)
        for role in ["webhook.a.b", "webhook.a.c"] {
            _ = try await roles.put(role, workspace: workspace, tenant: tenant, agent: "a")
        }
        let revisions = RevisionStore(pool: fixture.pool)
        let known = try await revisions.changes(since: 0).version
        #expect(try await WorkspaceStore(fixture.pool).delete(workspace, tenant: tenant))
        let ends = try await revisions.changes(since: known).roles
        #expect(ends.map(\.role).sorted() == ["webhook.a.b", "webhook.a.c"])
        #expect(ends.allSatisfy { $0.agent == nil })
    }

    @Test func `an event starts a role's run once, however often it is fanned out`() async throws {
        let (tenant, workspace) = try await workspace("runs")
        let runs = AgentRunStore(fixture.pool)
        let event = fixture.event(2).id
        func run(_ role: String) -> NewAgentRun {
            NewAgentRun(
                event: event, eventType: role, tenant: tenant, workspace: workspace, role: role, agent: "a",
                inputs: Array("{}".utf8))
        }
        let first = try await runs.queue([run("webhook.a.b"), run("webhook.a.c")])
        #expect(first.map(\.isAnnounced) == [false, false])
        try await runs.announced([run("webhook.a.b").id])
        let again = try await runs.queue([run("webhook.a.c"), run("webhook.a.b"), run("webhook.a.d")])
        #expect(again.map(\.isAnnounced) == [false, true, false])
        #expect(again[0].createdAt == first[1].createdAt)

        let page = try await runs.list(tenant: tenant, before: nil, limit: 2)
        #expect(page.items.map(\.role) == ["webhook.a.d", "webhook.a.c"])
        #expect(page.hasMore)
        let rest = try await runs.list(tenant: tenant, before: page.items.last?.seq, limit: 2)
        #expect(rest.items.map(\.id) == [run("webhook.a.b").id])
        #expect(rest.items.first?.chat == ChatID(run: run("webhook.a.b").id))
    }

    @Test func `a run that has ended stays as it ended`() async throws {
        let (tenant, workspace) = try await workspace("reports")
        let runs = AgentRunStore(fixture.pool)
        let run = NewAgentRun(
            event: fixture.event(3).id, eventType: "a.b", tenant: tenant, workspace: workspace,
            trigger: TriggerID.make(at: now), agent: "a", inputs: Array(#"{"x":1}"#.utf8))
        _ = try await runs.queue([run])
        let running = try await runs.report(run.id, tenant: tenant, state: .running, result: nil)
        #expect(running?.state == .running)
        let done = try await runs.report(run.id, tenant: tenant, state: .succeeded, result: .some("{}"))
        #expect(done?.result == "{}")
        #expect(try await runs.report(run.id, tenant: tenant, state: .failed, result: nil) == nil)
        #expect(try await runs.find(run.id, tenant: tenant)?.state == .succeeded)
        #expect(try await runs.find(run.id, tenant: try #require(TenantID("elsewhere"))) == nil)
    }

    @Test func `the inbox shows a payload as it came, and survives what only looks like a door's event`() async throws {
        let (_, workspace) = try await workspace("inbox")
        func envelope(_ data: String) -> [UInt8] {
            Array(#"{"v":1,"id":"","type":"","created_at":"","tenant_id":"","smith_id":null,"data":\#(data)}"#.utf8)
        }
        let payload = #"{"b":1,"a":"\u0000","b":2,"s":"\ud800","},\"payload\":":1}"#
        let real = #"""
            {"source_kind":"webhook.x","source":"x","source_identifier":"a\u0000b","event_type":"E","dedupe_key":null,\#
            "workspace_id":"\#(workspace)","received_at":"","headers":{"payload":"x"},"payload":\#(payload)}
            """#
        _ = try await fixture.append([
            fixture.event(10, type: "webhook.x.e", envelope: envelope(real)),
            fixture.event(11, type: "webhook.x.e", envelope: envelope("1")),
            fixture.event(
                12, type: "webhook.x.e",
                envelope: envelope(#"{"source_kind":"x","workspace_id":"w","headers":{"a":{"},"payload":no}}"#)),
            fixture.event(13, type: "webhook.x.e", envelope: [0xFF, 0x22]),
        ])
        let statement = Statement(
            "test.inbox",
            "select workspace_id, source_identifier, dedupe_key, headers::text, payload::text from infonchat.event_inbox"
        )
        let rows = try await fixture.pool.execute(statement)
        #expect(rows.count == 1)
        #expect(rows.text(0, 0) == "\(workspace)")
        #expect(rows.text(0, 1) == "a\u{FFFD}b")
        #expect(rows.isNull(0, 2))
        #expect(rows.text(0, 3) == #"{"payload":"x"}"#)
        #expect(rows.text(0, 4) == payload)
    }

    @Test func `requests to doors are found by integration`() async throws {
        let tenant = try #require(TenantID("doors"))
        var columns = InboundAuditColumns()
        for number in 0..<3 {
            var record = InboundRecord(
                tenant: tenant, channel: "github", integration: "int_\(number % 2)", startedAt: now, total: 1_500,
                status: 401, verdict: .refused)
            record.reason = "signature"
            record.dedupeKey = "a\0b"
            record.age = -3
            record.leftOut = number == 2 ? 7 : nil
            columns.append(record)
        }
        try await fixture.pool.execute(
            InboundAuditStatement.statement, InboundAuditStatement.parameters(columns))
        var filter = AuditFilter(tenant: tenant)
        filter.integration = "int_0"
        let page = try await AuditQueries(fixture.pool).page(filter, before: nil, limit: 10, latestOnly: false)
        #expect(page.rows.map(\.leftOut) == [7, nil])
        #expect(page.rows.allSatisfy { $0.direction == "inbound" && $0.channel == "github" && $0.age == -3 })
        #expect(page.rows.first?.total == 1.5)
        filter.integration = nil
        let all = try await AuditQueries(fixture.pool).page(filter, before: nil, limit: 2, latestOnly: false)
        #expect(all.rows.count == 2)
        #expect(all.hasMore)
    }
}
