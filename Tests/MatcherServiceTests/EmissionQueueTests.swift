import Backbone
import EventCodec
import EventModel
import Observability
import Synchronization
import TestSupport
import Testing

@testable import MatcherService

@Suite struct EmissionQueueTests {
    /// Keeps what it is given; answers as it is told to.
    private final class Log: TaskEventLog {
        enum Answer { case unavailable, unknown, refused }

        let stored = Mutex<[EventID]>([])
        let answers: Mutex<[Answer]>

        init(_ answers: [Answer]) { self.answers = Mutex(answers) }

        var isReady: Bool { true }
        func run() async throws {}
        func shutdown() async {}

        func store(_ events: [NewEvent]) async throws(BackboneError) -> [AppendReceipt] {
            switch answers.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) {
            case .unavailable?: throw BackboneError(.unavailable, "away")
            case .unknown?: return events.map { _ in .unknown }
            case .refused?: return events.map { _ in .refused(reason: "no") }
            case nil:
                stored.withLock { $0 += events.map(\.id) }
                return events.map { .stored(id: $0.id, isDuplicate: false) }
            }
        }
    }

    private let now = Timestamp(seconds: 1_780_000_000)

    private func event(_ number: UInt64, hoursAgo hours: Int64 = 0) throws -> NewEvent {
        let tenant = TenantID(Ulid(high: 0, low: 1))
        let row = FeedRow(
            pos: Int64(number), part: 0, id: EventID(Ulid(high: 1, low: number)), tenant: tenant, type: "run.x",
            onlyEndpoint: nil, exceptEndpoint: nil, recordedAt: now.adding(seconds: -3_600 * hours), envelope: nil)
        return EmittedEvent.make(
            try #require(EventType("alarm")), data: Array("{}".utf8), trigger: TriggerID(Ulid(high: 3, low: 1)),
            row: row)
    }

    private func queue(_ log: Log, knows: Set<EventID> = []) -> EmissionQueue {
        EmissionQueue(
            eventLog: log, isStored: { id, _ in knows.contains(id) },
            emitted: MetricsRegistry().counter("emitted_total", ""),
            log: Logger(service: "test", sink: CapturingLogSink()).limited(), clock: ManualClock(start: now))
    }

    @Test func `it goes on until the log has said what became of each`() async throws {
        let log = Log([.unavailable, .unknown])
        let events = [try event(1), try event(2)]
        try await queue(log).queue(events)
        #expect(log.stored.withLock { $0 } == events.map(\.id))
        let refusing = Log([.refused])
        try await queue(refusing).queue(events)
        #expect(refusing.stored.withLock { $0 }.isEmpty)
    }

    @Test func `what is old is looked for on the feed, since its key may be forgotten`() async throws {
        let log = Log([])
        let events = [try event(1, hoursAgo: 30), try event(2, hoursAgo: 30), try event(3, hoursAgo: 1)]
        try await queue(log, knows: [events[0].id, events[2].id]).queue(events)
        #expect(log.stored.withLock { $0 } == [events[1].id, events[2].id])
    }
}
