import EventModel
import Store
import Testing

@testable import DeliveryService

@Suite struct CursorMatchTests {
    private func revision(
        _ version: Int64, from pos: Int64, _ events: [String], _ status: WebhookRevision.Status = .active,
        filter: String? = nil
    ) -> WebhookRevision {
        var revision = WebhookRevision.sample(version: version, status: status)
        revision.fromPos = pos
        revision.events = events
        revision.filter = filter
        return revision
    }

    private func cursor(_ kind: DeliveryCursor.Kind, types: [String] = []) -> DeliveryCursor {
        DeliveryCursor(
            id: CursorID(Ulid(high: 1, low: 1)), kind: kind, tenant: TenantID(Ulid(high: 0, low: 1)),
            endpoint: EndpointID(Ulid(high: 2, low: 2)), lane: 0, cause: .live, pos: 0, until: nil, types: types)
    }

    private func item(_ pos: Int64, _ type: String, _ envelope: String = "{}") -> CursorPage.Item {
        CursorPage.Item(
            pos: pos, event: EventID(Ulid(high: 3, low: UInt64(pos))), type: type, recordedAt: Timestamp(seconds: 1),
            envelope: Array(envelope.utf8))
    }

    @Test func `a span's cursor goes by what was in force at each position`() {
        let match = CursorMatch(
            cursor(.span),
            history: [
                revision(1, from: 1, ["slack"]), revision(2, from: 10, ["git"]), revision(3, from: 20, [], .paused),
                revision(4, from: 30, ["git"], filter: "$.data.urgent == true"),
            ])
        #expect(match.version == 4)
        #expect(match.families == ["git", "slack"])
        #expect(match.accepts(item(5, "slack.message")) && !match.accepts(item(5, "git.push")))
        #expect(match.accepts(item(10, "git.push")) && !match.accepts(item(10, "slack")))
        #expect(!match.accepts(item(25, "git.push")))
        #expect(match.accepts(item(31, "git.push", #"{"data":{"urgent":true}}"#)))
        #expect(!match.accepts(item(31, "git.push", #"{"data":{"urgent":false}}"#)))
        #expect(match.accepts(item(31, "git.push", "no JSON")))
    }

    @Test func `a job goes by what the webhook wants now, and its own types`() {
        let match = CursorMatch(
            cursor(.job, types: ["git.push"]),
            history: [revision(1, from: 50, ["slack"]), revision(2, from: 60, ["git"], .paused)])
        #expect(match.families == ["git.push"])
        #expect(match.accepts(item(5, "git.push")) && !match.accepts(item(5, "git.tag")))
        #expect(!match.accepts(item(5, "slack")))
    }

    @Test func `a redrive asks for no subscription`() {
        var redrive = cursor(.job, types: ["git.push"])
        redrive.action = .redrive
        let match = CursorMatch(redrive, history: [revision(1, from: 50, ["slack"], filter: "$.data.urgent == true")])
        #expect(match.families == nil)
        #expect(match.accepts(item(5, "anything")))
    }

    @Test func `everything needs no types`() {
        #expect(CursorMatch(cursor(.span), history: [revision(1, from: 1, [])]).families == nil)
    }
}
