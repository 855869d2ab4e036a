import Backbone
import EventModel
import Store
import Testing

@testable import DeliveryService

@Suite struct HealthBookTests {
    private let book = HealthBook()
    private let start = Timestamp(seconds: 1_000)

    private func saw(
        _ ending: HealthBook.Ending, _ number: UInt64 = 1, lane: Int = 0, dead: Bool = false, after seconds: Int64 = 0
    ) {
        book.saw([
            HealthBook.Seen(
                endpoint: EndpointID(Ulid(high: 0, low: number)), lane: lane, epoch: 7,
                at: start.adding(seconds: seconds),
                ending: ending, isDead: dead)
        ])
    }

    private func due(after seconds: Int64 = 0, inFlight: Int = 0) -> [EndpointNote] {
        book.due(at: start.adding(seconds: seconds)) { endpoints in
            Dictionary(uniqueKeysWithValues: endpoints.map { ($0, HealthBook.Standing(inFlight: inFlight)) })
        }
    }

    @Test func `failures count from the last success on`() {
        for _ in 0..<3 { saw(.failure("timeout")) }
        saw(.success, after: 1)
        for _ in 0..<2 { saw(.failure("http_5xx"), dead: true, after: 2) }
        let note = due(after: 3).first
        #expect(note?.failures == 2 && note?.deadLetters == 2 && note?.epoch == 7)
        #expect(note?.lastSuccess == start.adding(seconds: 1))
        #expect(note?.firstFailure == start.adding(seconds: 2))
        #expect(note?.lastError == "http_5xx")
        #expect(due(after: 3).isEmpty, "nothing new")
    }

    @Test func `tests judge nobody`() {
        saw(.none)
        #expect(due().map(\.failures) == [0])
        #expect(due().first?.lastSuccess == nil)
    }

    @Test func `one that is well is noted seldom, one that fails with each turn`() {
        saw(.success)
        #expect(due().count == 1)
        saw(.success, after: 2)
        #expect(due(after: 2).isEmpty)
        saw(.failure("dns"), after: 3)
        #expect(due(after: 4).count == 1)
        saw(.success, after: 5)
        #expect(due(after: 14).count == 1)
    }

    @Test func `what was in flight is noted until it is not`() {
        saw(.success)
        #expect(due(inFlight: 3).map(\.inFlight) == [3])
        #expect(due(after: 2).map(\.inFlight) == [0])
        #expect(due(after: 4).isEmpty)
    }

    @Test func `notes that were not written come back with what was seen since`() {
        saw(.failure("dns"), dead: true)
        let lost = due()
        saw(.failure("timeout"), after: 1)
        book.restore(lost)
        let note = due(after: 2).first
        #expect(note?.failures == 2 && note?.deadLetters == 1)
        #expect(note?.firstFailure == start && note?.lastError == "timeout")
        saw(.failure("dns"), after: 3)
        let again = due(after: 4)
        saw(.success, after: 5)
        book.restore(again)
        #expect(due(after: 6).first?.failures == 0, "the success came later")
    }

    @Test func `endpoints of lost lanes are somebody else's`() {
        saw(.failure("dns"), 1, lane: 3)
        saw(.failure("dns"), 2, lane: 4)
        book.forget(lanes: [3])
        #expect(due().map(\.endpoint) == [EndpointID(Ulid(high: 0, low: 2))])
    }

    @Test func `many that are well are noted a few at a time, and those that are not before them`() {
        for number in 0..<300 { saw(.success, UInt64(number)) }
        _ = due()
        for number in 0..<300 { saw(.success, UInt64(number), after: 20) }
        saw(.failure("dns"), 7, after: 20)
        let turn = due(after: 20)
        #expect(turn.count == 101)
        #expect(turn.contains { $0.failures == 1 })
        #expect(due(after: 22).count == 100)
        #expect(due(after: 24).count == 99)
    }
}
