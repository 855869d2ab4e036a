import Backbone
import EventModel
import Store
import Testing

@testable import MatcherService

@Suite struct RoleRouterTests {
    private let tenant = TenantID(Ulid(high: 0, low: 1))
    private let workspace = WorkspaceID(Ulid(high: 9, low: 1))
    private let other = WorkspaceID(Ulid(high: 9, low: 2))
    private let role = "webhook.stripe.payment_succeeded"

    private func revision(
        _ version: Int64, from pos: Int64, to end: Int64? = nil, agent: String?, workspace: WorkspaceID? = nil
    ) -> RoleRevision {
        RoleRevision(
            version: version, tenant: tenant, workspace: workspace ?? self.workspace, role: role, agent: agent,
            fromPos: pos, toPos: end)
    }

    private func book(_ revisions: [RoleRevision]) -> RoleBook {
        var book = RoleBook()
        for revision in revisions { book.apply(revision) }
        return book
    }

    private func row(_ pos: Int64) -> FeedRow {
        FeedRow(
            pos: pos, part: 0, id: EventID(Ulid(high: 3, low: UInt64(pos))), tenant: tenant, type: role,
            onlyEndpoint: nil, exceptEndpoint: nil, recordedAt: Timestamp(seconds: 0), envelope: nil)
    }

    private func envelope(_ data: String) -> [UInt8] { Array(#"{"v":1,"data":\#(data)}"#.utf8) }

    @Test func `whoever played the role at the position answers, whatever has changed since`() {
        let book = book([
            revision(2, from: 5, agent: "a"), revision(3, from: 8, agent: "b"), revision(4, from: 12, agent: nil),
            revision(5, from: 20, agent: "c"), revision(3, from: 8, agent: "b"),
        ])
        let agents = [4, 5, 7, 8, 11, 12, 19, 20].map {
            book.agent(role, of: workspace, tenant: tenant, at: Int64($0))
        }
        #expect(agents == [nil, "a", "a", "b", "b", nil, nil, "c"])
        #expect(book.agent(role, of: other, tenant: tenant, at: 30) == nil)
        #expect(book.agent(role, of: workspace, tenant: TenantID(Ulid(high: 0, low: 2)), at: 30) == nil)
    }

    @Test func `a role that was loaded as ended ends, and whoever follows is there from then on`() {
        var book = book([revision(2, from: 5, to: 8, agent: "a")])
        #expect(book.agent(role, of: workspace, tenant: tenant, at: 7) == "a")
        #expect(book.agent(role, of: workspace, tenant: tenant, at: 8) == nil)
        book.apply(revision(3, from: 8, agent: "b"))
        #expect(book.agent(role, of: workspace, tenant: tenant, at: 8) == "b")
    }

    @Test func `what was over before is forgotten, and changes do not add up`() {
        var book = book([
            revision(2, from: 5, agent: "a"), revision(3, from: 8, agent: "b"), revision(4, from: 12, agent: nil),
        ])
        book.forget(before: 7)
        #expect(book.entryCount == 3 && book.agent(role, of: workspace, tenant: tenant, at: 7) == "a")
        book.forget(before: 8)
        #expect(book.entryCount == 2)
        #expect([8, 11, 12].map { book.agent(role, of: workspace, tenant: tenant, at: $0) } == ["b", "b", nil])
        book.forget(before: 12)
        #expect(book.entryCount == 0 && !book.mayAnswer(role, of: tenant))
        for number in 1...500 as ClosedRange<Int64> {
            book.apply(revision(10 + number, from: 20 + number, agent: number % 7 == 0 ? nil : "c\(number)"))
            book.forget(before: 18 + number)
            #expect(book.entryCount <= 3)
            #expect(
                book.agent(role, of: workspace, tenant: tenant, at: 20 + number)
                    == (number % 7 == 0 ? nil : "c\(number)"))
        }
    }

    @Test func `only types that somebody answers are looked into`() {
        let book = book([revision(2, from: 5, agent: "a")])
        #expect(book.mayAnswer(role, of: tenant))
        #expect(!book.mayAnswer("webhook.stripe.other", of: tenant))
        #expect(!book.mayAnswer(role, of: TenantID(Ulid(high: 0, low: 2))))
        #expect(!RoleBook().mayAnswer(role, of: tenant))
    }

    @Test func `an event of the workspace starts the agent's run, with what the door knows as inputs`() throws {
        let book = book([revision(2, from: 5, agent: "a")])
        let data = #"""
            {"source_kind":"webhook.stripe","source":"stripe","source_identifier":"evt\u00311","event_type":"payment.succeeded",\#
            "workspace_id":"\#(workspace)","received_at":"","headers":{"payload":"},\"payload\":"},\#
            "payload":\#(String(repeating: "[", count: 64))1\#(String(repeating: "]", count: 64))}
            """#
        let run = try #require(RoleRouter.run(row(5), envelope(data), book))
        #expect(run.agent == "a")
        #expect(run.role == role)
        #expect(run.id == RunID(event: row(5).id, cause: "\(workspace)/\(role)"))
        #expect(
            String(decoding: run.inputs, as: UTF8.self)
                == #"{"workspace_id":"\#(workspace)","source":"stripe","source_identifier":"evt11","event_type":"payment.succeeded"}"#
        )
        #expect(RoleRouter.run(row(4), envelope(data), book) == nil)
        let elsewhere = data.replacing("\(workspace)", with: "\(other)")
        #expect(RoleRouter.run(row(5), envelope(elsewhere), book) == nil)
    }

    @Test(arguments: [
        "1", "[]", "{}", #"{"headers":{},"payload":{}}"#, #"{"workspace_id":"ws_","headers":{},"payload":{}}"#,
        #"{"headers":{"a":{"},"payload":{}}"#, #"},"payload":"#, #"{"workspace_id":7}"#, #"{"workspace_id":"ws_"}"#, "",
        "{",
    ])
    func `what did not come by a workspace's door starts nothing`(data: String) {
        #expect(HookFacts(envelope: envelope(data)) == nil)
    }
}
