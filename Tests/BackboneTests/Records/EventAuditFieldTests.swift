import EventModel
import TestSupport
import Testing

@testable import Backbone

/// What the audit is to say of a request, in the record of the event that it brought.
@Suite struct EventAuditFieldTests {
    private static let record: InboundRecord = {
        var record = InboundRecord(
            tenant: RecordFixtures.tenant, channel: "github", integration: "int_1",
            startedAt: Timestamp(microseconds: 5), total: 7, status: 200, verdict: .accepted)
        record.event = RecordFixtures.event
        record.type = "a.b"
        record.headersSHA256 = [1]
        record.payloadSHA256 = [2]
        record.sourceIP = "127.0.0.1"
        record.dedupeKey = "guid"
        record.age = -1
        return record
    }()

    private static var event: NewEvent {
        var event = RecordFixtures.newEvent
        event.audit = EventAudit(record)
        return event
    }

    private static func read(_ bytes: [UInt8]) throws -> (NewEvent, RecordError?) {
        var error: RecordError?
        let event = try bytes.withUnsafeBytes { try EventRecord.read($0) { error = $0 } }
        return (event, error)
    }

    /// The bytes of an event whose audit is `field`.
    private static func bytes(audit field: [UInt8]) -> [UInt8] {
        RecordFixtures.bytes { EventRecord.write(RecordFixtures.newEvent, to: &$0) } + [11, UInt8(field.count)] + field
    }

    @Test func `it keeps its bytes, behind the event's`() throws {
        let plain = RecordFixtures.bytes { EventRecord.write(RecordFixtures.newEvent, to: &$0) }
        let status: [UInt8] = [200, 0, 0, 0, 0, 0, 0, 0]
        let before: [UInt8] =
            [1] + field(1, "github") + field(2, "int_1") + field(3, 5) + field(4, 7) + field(5, status)
            + field(6, [1]) + field(7, [2])
        let after: [UInt8] =
            field(8, "127.0.0.1") + field(9, "guid") + field(10, [UInt8](repeating: 255, count: 8))
        let bytes = RecordFixtures.bytes { EventRecord.write(Self.event, to: &$0) }
        #expect(bytes == plain + field(11, before + after))
        let (read, error) = try Self.read(bytes)
        #expect(read.audit?.record == Self.record && error == nil)
        #expect(RecordFixtures.bytes { EventRecord.write(read, to: &$0) } == bytes)
    }

    @Test func `a known duplicate names the event that was kept`() throws {
        var event = Self.event
        let winner = EventID(Ulid(high: 1, low: 2))
        event.audit = event.audit?.duplicate(of: winner)
        let read = try Self.read(RecordFixtures.bytes { EventRecord.write(event, to: &$0) }).0
        #expect(read.audit?.record.verdict == .duplicate && read.audit?.record.event == winner)
        #expect(read.id == RecordFixtures.event)
    }

    @Test func `what cannot be read is told, and the event is whole`() throws {
        let whole = EventAuditField.bytes(Self.record)
        for (field, code) in [
            ([], RecordError.Code.truncated), ([3], .unknownVersion), ([1], .missingField),
            (Array(whole.dropLast()), .truncated), (whole + field(5, [255, 255, 0, 0, 0, 0, 0, 0]), .invalidField),
        ] as [([UInt8], RecordError.Code)] {
            let (event, error) = try Self.read(Self.bytes(audit: field))
            #expect(error?.code == code)
            #expect(event.audit == nil && event.envelope == RecordFixtures.newEvent.envelope)
        }
        // A field of a later format is no reason.
        #expect(try Self.read(Self.bytes(audit: whole + field(99, "later"))).0.audit?.record == Self.record)
    }

    @Test func `every cut and changed bytes are read or told`() throws {
        let whole = EventAuditField.bytes(Self.record)
        for length in 0..<whole.count {
            let (event, error) = try Self.read(Self.bytes(audit: Array(whole[..<length])))
            #expect((event.audit == nil) == (error != nil))
        }
        var generator = SeededGenerator(seed: 20_261_122)
        for _ in 0..<5_000 {
            var field = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                field[Int.random(in: 0..<field.count, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            let (event, error) = try Self.read(Self.bytes(audit: field))
            #expect((event.audit == nil) == (error != nil))
            #expect(event.id == RecordFixtures.event)
        }
    }
}
