import Backbone
import EventModel

/// Values whose bytes can be told by looking at them.
enum RecordFixtures {
    static let event = EventID(Ulid(high: 0x0102_0304_0506_0708, low: 0x1112_1314_1516_1718))
    static let endpoint = EndpointID(Ulid(high: 0x2122_2324_2526_2728, low: 0x3132_3334_3536_3738))
    static let tenant = TenantID("acme") ?? TenantID(Ulid(high: 0, low: 0))

    static let newEvent = NewEvent(
        id: event, tenant: tenant, type: "a.b", smithID: "s1", createdAt: Timestamp(microseconds: 0x0A0B),
        dedupeKey: Array(0..<16), onlyEndpoint: endpoint, exceptEndpoint: nil, envelope: Array("{}".utf8))

    static let lane = LaneRecordBody(
        endpoint: endpoint, event: event, tenant: tenant, type: "a.b", pos: 7, cause: .request("job_1"), attempt: 3,
        configVersion: 9, recordedAt: Timestamp(microseconds: 1), firstDueAt: Timestamp(microseconds: 2),
        due: Timestamp(microseconds: 3), relocation: -1, envelope: Array("{}".utf8))

    static let audit: AuditEntry = {
        var attempt = AttemptRecord(
            tenant: tenant, endpoint: endpoint, event: event,
            delivery: DeliveryID(event: event, endpoint: endpoint, cause: .live), type: "a.b", cause: .live, attempt: 2,
            startedAt: Timestamp(microseconds: 5), verdict: .dead)
        attempt.dns = 1
        attempt.connect = 2
        attempt.tls = 3
        attempt.firstByte = 4
        attempt.total = 5
        attempt.status = 503
        attempt.errorClass = "http_5xx"
        attempt.headersSHA256 = [1]
        attempt.payloadSHA256 = [2]
        attempt.responseHeaders = "h: v\n"
        attempt.responseHead = [3]
        attempt.reason = "exhausted"
        attempt.sourceIP = "127.0.0.1"
        attempt.nextAttemptAt = Timestamp(microseconds: 6)
        return AuditEntry(
            attempt: attempt,
            dead: AuditEntry.Dead(
                letter: DeadLetter(
                    id: DeadLetterID(Ulid(high: 1, low: 2)), attempts: 2, errorClass: "http_5xx", status: 503,
                    reason: "exhausted"), pos: 7, payload: Array("{}".utf8)))
    }()

    static let parked = ParkedRecord(topic: "events", part: 3, offset: 4, reason: "truncated 9", record: [1, 2, 3])

    static func bytes(_ write: (inout [UInt8]) -> Void) -> [UInt8] {
        var bytes: [UInt8] = []
        write(&bytes)
        return bytes
    }
}

/// Expected bytes, spelled without the code under test.
func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] { [number, UInt8(bytes.count)] + bytes }
func field(_ number: UInt8, _ text: String) -> [UInt8] { field(number, Array(text.utf8)) }
func field(_ number: UInt8, _ value: UInt8) -> [UInt8] { field(number, [value, 0, 0, 0, 0, 0, 0, 0]) }

let eventBytes: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18]
let endpointBytes: [UInt8] = eventBytes.map { $0 + 0x20 }
