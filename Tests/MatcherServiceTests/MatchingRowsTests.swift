import Backbone
import EventModel
import Matching
import Store
import Testing

@testable import MatcherService

@Suite struct MatchingRowsTests {
    private let tenant = TenantID(Ulid(high: 0, low: 1))
    private func endpoint(_ number: UInt64) -> EndpointID { EndpointID(Ulid(high: 5, low: number)) }

    private func revision(
        _ number: UInt64, version: Int64, from pos: Int64, events: [String] = [],
        status: WebhookRevision.Status = .active, filter: String? = nil
    ) -> WebhookRevision {
        WebhookRevision(
            version: version, endpoint: endpoint(number), tenant: tenant, fromPos: pos, toPos: nil, status: status,
            url: "https://example.com/", events: events, timeout: nil, schedule: nil, sealedSecrets: [],
            filter: filter)
    }

    private func row(
        _ pos: Int64, _ type: String, only: EndpointID? = nil, except: EndpointID? = nil, of other: TenantID? = nil
    ) -> FeedRow {
        FeedRow(
            pos: pos, part: 0, id: EventID(Ulid(high: 0, low: UInt64(pos))), tenant: other ?? tenant, type: type,
            onlyEndpoint: only, exceptEndpoint: except, recordedAt: Timestamp(seconds: 0), envelope: nil)
    }

    private func matched(_ rows: [FeedRow], _ revisions: [WebhookRevision]) -> [[UInt64]] {
        let table = SubscriptionTable()
        table.apply(revisions)
        var found: [[UInt64]] = rows.map { _ in [] }
        for delivery in MatcherService.match(rows, by: table.snapshot).deliveries {
            found[delivery.row].append(delivery.endpoint.ulid.low)
        }
        return found
    }

    @Test func `a webhook counts from its position on, and not before`() {
        let rows = [row(9, "a"), row(10, "a"), row(11, "a")]
        #expect(matched(rows, [revision(1, version: 2, from: 10)]) == [[], [1], [1]])
    }

    @Test func `what was in force at the position decides, whatever has changed since`() {
        let revisions = [
            revision(1, version: 2, from: 1, events: ["slack"]),
            revision(1, version: 3, from: 5, events: ["slack"], status: .paused),
            revision(1, version: 4, from: 8, events: ["run.completed"]),
            revision(1, version: 5, from: 12, status: .deleted),
        ]
        let rows = [
            row(4, "slack.install"), row(5, "slack.install"), row(8, "slack.install"), row(9, "run.completed"),
            row(12, "run.completed"),
        ]
        #expect(matched(rows, revisions) == [[1], [], [], [1], []])
    }

    @Test func `a test goes to its endpoint alone, whatever its state, and an exception to all others`() {
        let revisions = [
            revision(1, version: 2, from: 1), revision(2, version: 3, from: 1, status: .paused),
            revision(3, version: 4, from: 1),
        ]
        let rows = [row(5, "webhook.test", only: endpoint(2)), row(6, "endpoint.disabled", except: endpoint(3))]
        #expect(matched(rows, revisions) == [[2], [1]])
        let table = SubscriptionTable()
        table.apply(revisions)
        #expect(MatcherService.match(rows, by: table.snapshot).deliveries.map(\.cause) == [.test, .live])
    }

    @Test func `a filter is judged on the envelope, as it was in force at the position`() {
        let table = SubscriptionTable()
        table.apply([
            revision(1, version: 2, from: 1, filter: "$.data.n > 5"), revision(2, version: 3, from: 1),
            revision(1, version: 4, from: 8),
        ])
        let rows = (5...8).map { row($0, "a") } + [row(9, "webhook.test", only: endpoint(1))]
        let matched = MatcherService.match(rows, by: table.snapshot)
        #expect(matched.conditionalRows == [0, 1, 2])
        var judgement = Judgement(matched)
        judgement.judge(row: 0, Array(#"{"data":{"n":5}}"#.utf8))
        judgement.judge(row: 1, Array(#"{"data":{"n":6}}"#.utf8))
        judgement.judge(row: 2, Array(#"{"data":{}}"#.utf8))
        let deliveries = judgement.deliveries
        #expect(deliveries.map(\.row) == [0, 1, 1, 2, 3, 3, 4])
        #expect(deliveries.map(\.endpoint.ulid.low) == [2, 1, 2, 2, 1, 2, 1])
        #expect(judgement.unjudged == 0)
    }

    @Test func `what cannot be judged is delivered`() {
        let table = SubscriptionTable()
        table.apply([revision(1, version: 2, from: 1, filter: "!$..*[?count(@..*) < 0]")])
        let matched = MatcherService.match((1...3).map { row($0, "a") }, by: table.snapshot)
        let large = "[" + repeatElement("[[[[1]]]]", count: 20_000).joined(separator: ",") + "]"
        var judgement = Judgement(matched)
        judgement.judge(row: 1, Array("no JSON".utf8))
        judgement.judge(row: 2, Array("{\"data\":[\(large)]}".utf8))
        #expect(judgement.deliveries.map(\.row) == [0, 1, 2])
        #expect(judgement.unjudged == 3)
    }

    @Test func `tenants do not meet`() {
        let other = TenantID(Ulid(high: 0, low: 2))
        #expect(matched([row(5, "a", of: other)], [revision(1, version: 2, from: 1)]) == [[]])
        #expect(matched([row(5, "a", only: endpoint(1), of: other)], [revision(1, version: 2, from: 1)]) == [[]])
    }
}

extension SubscriptionTable {
    func apply(_ revisions: [WebhookRevision]) {
        apply(RevisionStore.Changes(version: revisions.last?.version ?? 0, revisions: revisions))
    }
}
