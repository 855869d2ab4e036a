internal import Backbone
internal import EventModel
internal import Testing

@testable internal import KafkaBackbone

/// What of an append goes to the log.
@Suite struct PendingAppendTests {
    private let tenant = TenantID("acme") ?? TenantID(Ulid(high: 0, low: 0))
    private let winner = EventID(Ulid(high: 9, low: 9))

    private func event(_ number: UInt64, isAudited: Bool) -> NewEvent {
        var event = NewEvent(
            id: EventID(Ulid(high: 1, low: number)), tenant: tenant, type: "a.b", smithID: nil,
            createdAt: Timestamp(seconds: 1), dedupeKey: [UInt8](repeating: 1, count: 16), envelope: [])
        if isAudited {
            event.audit = EventAudit(
                InboundRecord(
                    tenant: tenant, channel: "github", integration: nil, startedAt: Timestamp(seconds: 1), total: 1,
                    status: 200, verdict: .accepted))
        }
        return event
    }

    @Test func `a known duplicate is not produced, unless the audit has something to say of it`() {
        let events = [
            event(1, isAudited: false), event(2, isAudited: false), event(3, isAudited: true),
            event(4, isAudited: true),
        ]
        var append = PendingAppend(events, known: [nil, winner, nil, winner])
        #expect(append.produced == [0, 2, 3])
        #expect(append.receipts == [.unknown, .stored(id: winner, isDuplicate: true), .unknown, .unknown])
        append.finish(
            ProduceReceipts(
                outcomes: [
                    .acknowledged(partition: 0, offset: 1), .notPersisted, .acknowledged(partition: 0, offset: 2),
                ], acknowledged: 2, firstFailure: "test"))
        #expect(
            append.receipts == [
                .stored(id: events[0].id, isDuplicate: false), .stored(id: winner, isDuplicate: true), .unknown,
                .stored(id: winner, isDuplicate: true),
            ])
    }
}
