import Backbone
import EventModel
import Testing

/// The bytes of every record, as they lie in logs that outlive a release.
@Suite struct RecordFormatTests {
    private typealias Fixture = RecordFixtures

    @Test func `an event's record keeps its bytes`() throws {
        let expected =
            [1] + field(1, eventBytes) + field(2, "acme") + field(3, "a.b") + field(4, "s1")
            + field(5, [0x0B, 0x0A, 0, 0, 0, 0, 0, 0]) + field(6, Array(0..<16)) + field(7, endpointBytes)
            + field(9, "{}")
        let bytes = Fixture.bytes { EventRecord.write(Fixture.newEvent, to: &$0) }
        #expect(bytes == expected)
        let read = try bytes.withUnsafeBytes { try EventRecord.read($0) }
        #expect(Fixture.bytes { EventRecord.write(read, to: &$0) } == expected)
        #expect(read.envelope == Fixture.newEvent.envelope && read.onlyEndpoint == Fixture.endpoint)
    }

    @Test func `a lane's record keeps its bytes`() throws {
        // The endpoint's bytes happen to be the event's plus 0x20.
        let expected =
            [1] + field(1, endpointBytes) + field(2, eventBytes) + field(3, "acme") + field(4, "a.b") + field(5, 7)
            + field(6, "job_1") + field(7, 3) + field(8, 9) + field(9, 1) + field(10, 2) + field(11, 3)
            + field(12, [UInt8](repeating: 255, count: 8)) + field(13, "{}")
        let bytes = Fixture.bytes { Fixture.lane.write(to: &$0) }
        #expect(bytes == expected)
        #expect(try bytes.withUnsafeBytes { try LaneRecordBody($0) } == Fixture.lane)
    }

    @Test func `an audit record keeps its bytes`() throws {
        let delivery = Fixture.audit.attempt.delivery.ulid
        let deliveryBytes = [delivery.high, delivery.low].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) }
        }
        let status: [UInt8] = [0xF7, 1, 0, 0, 0, 0, 0, 0]
        let expected: [UInt8] =
            [1] + field(1, "acme") + field(2, endpointBytes) + field(3, eventBytes) + field(4, deliveryBytes)
            + field(5, "a.b") + field(7, 2) + field(8, 5) + field(9, 1) + field(10, 2) + field(11, 3) + field(12, 4)
            + field(13, 5) + field(14, status) + field(15, "http_5xx") + field(16, [1]) + field(17, [2])
            + field(18, "h: v\n") + field(19, [3]) + field(20, "dead") + field(21, "exhausted")
            + field(22, "127.0.0.1") + field(23, 6)
            + field(32, [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]) + field(33, 2) + field(34, "http_5xx")
            + field(35, status) + field(36, "exhausted") + field(37, 7) + field(38, "{}")
        let bytes = Fixture.bytes { Fixture.audit.write(to: &$0) }
        #expect(bytes == expected)
        #expect(try bytes.withUnsafeBytes { try AuditEntry($0) } == Fixture.audit)
    }

    @Test func `a parked record and a finished copy keep their bytes and are told apart`() throws {
        let parked = Fixture.bytes { Fixture.parked.write(to: &$0) }
        #expect(
            parked == [1] + field(64, "events") + field(65, 3) + field(66, 4) + field(67, "truncated 9")
                + field(68, [1, 2, 3]))
        #expect(try parked.withUnsafeBytes { try ParkedRecord($0) } == Fixture.parked)
        let copy = Fixture.bytes { FinishedCopy(relocation: 5).write(to: &$0) }
        #expect(copy == [1] + field(80, 5))
        #expect(try copy.withUnsafeBytes { try FinishedCopy($0) } == FinishedCopy(relocation: 5))
        let audit = Fixture.bytes { Fixture.audit.write(to: &$0) }
        let lane = Fixture.bytes { Fixture.lane.write(to: &$0) }
        #expect(parked.withUnsafeBytes { ParkedRecord.matches($0) })
        #expect(!audit.withUnsafeBytes { ParkedRecord.matches($0) })
        #expect(copy.withUnsafeBytes { FinishedCopy.matches($0) })
        #expect(!lane.withUnsafeBytes { FinishedCopy.matches($0) })
    }

    @Test func `what is usual is not written`() throws {
        var body = Fixture.lane
        body.cause = .live
        body.attempt = 1
        body.due = nil
        body.relocation = nil
        let bytes = Fixture.bytes { body.write(to: &$0) }
        #expect(bytes.count < Fixture.bytes { Fixture.lane.write(to: &$0) }.count - 30)
        #expect(try bytes.withUnsafeBytes { try LaneRecordBody($0) } == body)
    }

    @Test func `fields of a later format are skipped, and go along into copies`() throws {
        let later = field(120, "later") + [121, 0]
        let bytes = Fixture.bytes { Fixture.lane.write(to: &$0) } + later
        let read = try bytes.withUnsafeBytes { try LaneRecordBody($0) }
        #expect(read.unknown == later)
        #expect(Fixture.bytes { read.write(to: &$0) } == bytes)
        let event = Fixture.bytes { EventRecord.write(Fixture.newEvent, to: &$0) } + later
        #expect(try event.withUnsafeBytes { try EventRecord.read($0) }.id == Fixture.event)
        let audit = Fixture.bytes { Fixture.audit.write(to: &$0) } + later
        #expect(try audit.withUnsafeBytes { try AuditEntry($0) } == Fixture.audit)
    }

    @Test func `large fields have long lengths`() throws {
        var event = Fixture.newEvent
        event.envelope = [UInt8](repeating: 7, count: 300_000)
        let bytes = Fixture.bytes { EventRecord.write(event, to: &$0) }
        #expect(Array(bytes.suffix(300_004).prefix(4)) == [9, 0xE0, 0xA7, 0x12])
        #expect(try bytes.withUnsafeBytes { try EventRecord.read($0) }.envelope == event.envelope)
    }
}
