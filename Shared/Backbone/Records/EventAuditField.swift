internal import EventModel

/// The field of an event's record that says what the audit is to say of the request that brought it: a record within the
/// record, with a version of its own, so that an event is stored whatever becomes of its audit. Tenant, type and event are the
/// event's.
enum EventAuditField {
    private enum Field {
        static let channel: UInt8 = 1
        static let integration: UInt8 = 2
        static let startedAt: UInt8 = 3
        static let total: UInt8 = 4
        static let status: UInt8 = 5
        static let headersSHA256: UInt8 = 6
        static let payloadSHA256: UInt8 = 7
        static let sourceIP: UInt8 = 8
        static let dedupeKey: UInt8 = 9
        static let age: UInt8 = 10
        static let winner: UInt8 = 11
    }

    static func bytes(_ record: InboundRecord) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        var writer = FieldWriter(appendingTo: take(&bytes))
        writer.add(Field.channel, record.channel)
        writer.add(Field.integration, record.integration)
        writer.add(Field.startedAt, record.startedAt)
        writer.add(Field.total, record.total)
        writer.add(Field.status, Int64(record.status))
        writer.add(Field.headersSHA256, record.headersSHA256)
        writer.add(Field.payloadSHA256, record.payloadSHA256)
        writer.add(Field.sourceIP, record.sourceIP)
        writer.add(Field.dedupeKey, record.dedupeKey)
        writer.add(Field.age, record.age)
        if record.verdict == .duplicate { writer.add(Field.winner, record.event) }
        return writer.finish()
    }

    static func read(_ bytes: UnsafeRawBufferPointer, of event: borrowing NewEvent) throws(RecordError) -> EventAudit {
        var reader = try FieldReader(bytes)
        var channel: String?
        var startedAt: Timestamp?
        var status: Int?
        var record = InboundRecord(
            tenant: event.tenant, channel: "", integration: nil, startedAt: Timestamp(microseconds: 0), total: 0,
            status: 0, verdict: .accepted)
        record.event = event.id
        record.type = event.type
        while let field = try reader.next() {
            switch field.number {
            case Field.channel: channel = try field.text()
            case Field.integration: record.integration = try field.text()
            case Field.startedAt: startedAt = try field.timestamp()
            case Field.total: record.total = try field.int64()
            case Field.status: status = try field.int(0...999)
            case Field.headersSHA256: record.headersSHA256 = field.array()
            case Field.payloadSHA256: record.payloadSHA256 = field.array()
            case Field.sourceIP: record.sourceIP = try field.text()
            case Field.dedupeKey: record.dedupeKey = try field.text()
            case Field.age: record.age = try field.int64()
            case Field.winner: (record.event, record.verdict) = (try field.identifier(), .duplicate)
            default: break
            }
        }
        record.channel = try required(channel, field: Field.channel)
        record.startedAt = try required(startedAt, field: Field.startedAt)
        record.status = try required(status, field: Field.status)
        return EventAudit(record)
    }
}
