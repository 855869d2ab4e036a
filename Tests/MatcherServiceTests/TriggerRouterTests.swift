import Backbone
import EventCodec
import EventModel
import Store
import Testing
import Triggers

@testable import MatcherService

@Suite struct TriggerRouterTests {
    private let tenant = TenantID(Ulid(high: 0, low: 1))
    private func trigger(_ number: UInt64) -> TriggerID { TriggerID(Ulid(high: 3, low: number)) }

    private func revision(
        _ number: UInt64, version: Int64, from pos: Int64, to end: Int64? = nil, _ document: String?
    ) -> TriggerRevision {
        TriggerRevision(
            version: version, trigger: trigger(number), tenant: tenant, document: document.map { Array($0.utf8) },
            fromPos: pos, toPos: end)
    }

    private func row(_ pos: Int64, _ type: String, of other: TenantID? = nil) -> FeedRow {
        FeedRow(
            pos: pos, part: 0, id: EventID(Ulid(high: 0, low: UInt64(pos))), tenant: other ?? tenant, type: type,
            onlyEndpoint: nil, exceptEndpoint: nil, recordedAt: Timestamp(seconds: 1_780_000_000), envelope: nil)
    }

    private func envelope(_ type: String, _ data: String) -> [UInt8] {
        Array(
            #"{"v":1,"id":"e","type":"\#(type)","created_at":"x","tenant_id":"t","smith_id":null,"data":\#(data)}"#.utf8
        )
    }

    private func actions(_ revisions: [TriggerRevision], _ rows: [FeedRow], _ data: String) -> TriggerActions {
        var book = TriggerBook()
        for revision in revisions { book.apply(revision) }
        let hits = rows.enumerated().flatMap { number, row in
            var budget = TriggerDefinition.budget
            return TriggerRouter.hits(number, row, envelope(row.type, data), book, budget: &budget)
        }
        return TriggerRouter.actions(of: hits, rows)
    }

    private static let runs = #"{"source":{"types":["run"]},"action":{"agent_id":"a","inputs":{"n":"{{payload.n}}"}}}"#

    @Test func `what was over before is forgotten, and changes do not add up`() {
        var book = TriggerBook()
        book.apply(revision(1, version: 1, from: 1, Self.runs))
        for number in 1...200 as ClosedRange<Int64> {
            let document = #"{"source":{"types":["t\#(number)"]},"action":{"agent_id":"a"}}"#
            book.apply(revision(2, version: 1 + number, from: 10 + number, number % 5 == 0 ? nil : document))
            book.forget(before: 8 + number)
            #expect(book.entryCount <= 4)
            #expect(book.mayAnswer("t\(number)", of: tenant) == (number % 5 != 0))
        }
        // Types of what is forgotten are not looked into any more.
        #expect(!book.mayAnswer("t1", of: tenant))
        #expect(book.mayAnswer("run.failed", of: tenant))
        book.forget(before: 1_000)
        #expect(book.entryCount == 1)
        book.apply(revision(1, version: 900, from: 900, nil))
        book.forget(before: 1_000)
        #expect(book.entryCount == 0 && !book.mayAnswer("run.failed", of: tenant))
    }

    @Test func `a trigger counts from its position on, until it ends`() {
        let revisions = [
            revision(1, version: 1, from: 10, to: 20, Self.runs), revision(1, version: 2, from: 20, nil),
        ]
        let rows = [9, 10, 19, 20].map { row($0, "run.failed") }
        #expect(actions(revisions, rows, #"{"n":1}"#).runs.map(\.event) == [rows[1].id, rows[2].id])
        // Closed before it was loaded, and the end was not: the same.
        #expect(actions([revisions[0]], rows, #"{"n":1}"#).runs.map(\.event) == [rows[1].id, rows[2].id])
        var book = TriggerBook()
        #expect(!book.mayAnswer("run.failed", of: tenant))
        for revision in revisions { book.apply(revision) }
        #expect(book.mayAnswer("run.failed", of: tenant))
        #expect(!book.mayAnswer("slack", of: tenant))
        #expect(!book.mayAnswer("run.failed", of: TenantID(Ulid(high: 0, low: 2))))
    }

    @Test func `ids are functions of event and trigger, so a repeat makes nothing new`() {
        let document = #"{"source":{"types":["run"]},"action":{"agent_id":"a","emit":{"type":"alarm"}}}"#
        let revisions = [revision(1, version: 1, from: 1, document), revision(2, version: 2, from: 1, document)]
        let first = actions(revisions, [row(5, "run.x")], "{}")
        let again = actions(revisions.reversed(), [row(4, "run.x"), row(5, "run.x")], "{}")
        #expect(first.runs.count == 2)
        #expect(first.events.count == 2)
        #expect(Set(again.runs.map(\.id)).isSuperset(of: first.runs.map(\.id)))
        #expect(Set(again.events.map(\.id)).isSuperset(of: first.events.map(\.id)))
        #expect(Set(again.events.map(\.id)).count == 4)
        #expect(first.events.allSatisfy { event in again.events.contains { $0.envelope == event.envelope } })
        #expect(first.events[0].dedupeKey != nil)
    }

    @Test func `only the door that took an event answers it`() {
        let door = #"{"match":{"jsonpath":"$.a","equals":1},"action":{"agent_id":"a"}}"#
        let revisions = [revision(1, version: 1, from: 1, door), revision(2, version: 2, from: 1, door)]
        let data = #"{"trigger_id":"\#(trigger(2))","headers":{},"payload":{"a":1}}"#
        let rows = [row(5, "webhook.generic.x")]
        #expect(actions(revisions, rows, data).runs.map(\.trigger) == [trigger(2)])
        #expect(actions(revisions, rows, #"{"payload":{"a":1}}"#).runs.isEmpty)
        #expect(actions(revisions, [row(5, "slack.x")], data).runs.isEmpty)
    }

    @Test func `a document that nobody can read answers nothing`() {
        var book = TriggerBook()
        let isReadable = book.apply(revision(1, version: 1, from: 1, #"{"action":{"teleport":true}}"#))
        #expect(!isReadable)
        #expect(!book.mayAnswer("webhook.generic.x", of: tenant))
    }
}
