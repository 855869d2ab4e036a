public import EventModel

/// The record of one delivery on a lane or one of its delay topics. The delivery's id is not in it: it follows from
/// event, endpoint and cause.
public struct LaneRecordBody: Sendable, Equatable {
    public var endpoint: EndpointID
    public var event: EventID
    public var tenant: TenantID
    public var type: String
    public var pos: Int64
    public var cause: Cause
    /// From 1.
    public var attempt: Int
    public var configVersion: Int64
    public var recordedAt: Timestamp
    public var firstDueAt: Timestamp
    /// Not before this; nil: at once.
    public var due: Timestamp?
    /// A copy of a record whose attempt went on when it was moved out of the way: its number, so that its owner can tell
    /// it from a later record of the same attempt.
    public var relocation: Int64?
    public var envelope: [UInt8]
    /// When the log took the event, where it is not the feed that did.
    public var acceptedAt: Timestamp?
    public var trace: EventTrace?
    /// Fields of a later format, taken along into copies.
    public var unknown: [UInt8] = []

    public init(
        endpoint: EndpointID, event: EventID, tenant: TenantID, type: String, pos: Int64, cause: Cause, attempt: Int,
        configVersion: Int64, recordedAt: Timestamp, firstDueAt: Timestamp, due: Timestamp? = nil,
        relocation: Int64? = nil, envelope: [UInt8], acceptedAt: Timestamp? = nil, trace: EventTrace? = nil
    ) {
        self.endpoint = endpoint
        self.event = event
        self.tenant = tenant
        self.type = type
        self.pos = pos
        self.cause = cause
        self.attempt = attempt
        self.configVersion = configVersion
        self.recordedAt = recordedAt
        self.firstDueAt = firstDueAt
        self.due = due
        self.relocation = relocation
        self.envelope = envelope
        self.acceptedAt = acceptedAt
        self.trace = trace
    }

    private enum Field {
        static let endpoint: UInt8 = 1
        static let event: UInt8 = 2
        static let tenant: UInt8 = 3
        static let type: UInt8 = 4
        static let pos: UInt8 = 5
        static let cause: UInt8 = 6
        static let attempt: UInt8 = 7
        static let version: UInt8 = 8
        static let recordedAt: UInt8 = 9
        static let firstDueAt: UInt8 = 10
        static let due: UInt8 = 11
        static let relocation: UInt8 = 12
        static let envelope: UInt8 = 13
        static let acceptedAt: UInt8 = 14
        static let trace: UInt8 = 15
    }

    public func write(to bytes: inout [UInt8]) {
        var writer = FieldWriter(appendingTo: take(&bytes))
        writer.add(Field.endpoint, endpoint)
        writer.add(Field.event, event)
        writer.add(Field.tenant, tenant.text)
        writer.add(Field.type, type)
        writer.add(Field.pos, pos)
        if cause != .live { writer.add(Field.cause, cause.description) }
        if attempt != 1 { writer.add(Field.attempt, Int64(attempt)) }
        writer.add(Field.version, configVersion)
        writer.add(Field.recordedAt, recordedAt)
        writer.add(Field.firstDueAt, firstDueAt)
        writer.add(Field.due, due?.microseconds)
        writer.add(Field.relocation, relocation)
        writer.add(Field.envelope, envelope)
        writer.add(Field.acceptedAt, acceptedAt?.microseconds)
        writer.add(Field.trace, trace?.bytes)
        writer.add(unknown: unknown)
        bytes = writer.finish()
    }

    /// - Throws: `RecordError`; the cause is `live` and the attempt 1 where the record does not say.
    public init(_ bytes: UnsafeRawBufferPointer) throws(RecordError) {
        var reader = try FieldReader(bytes)
        var endpoint: EndpointID?
        var event: EventID?
        var tenant: TenantID?
        var type: String?
        var pos: Int64?
        var cause = Cause.live
        var attempt = 1
        var version: Int64?
        var recordedAt: Timestamp?
        var firstDueAt: Timestamp?
        var due: Timestamp?
        var relocation: Int64?
        var envelope: [UInt8]?
        var acceptedAt: Timestamp?
        var trace: EventTrace?
        while let field = try reader.next() {
            switch field.number {
            case Field.endpoint: endpoint = try field.identifier()
            case Field.event: event = try field.identifier()
            case Field.tenant: tenant = try field.tenant()
            case Field.type: type = try field.text()
            case Field.pos: pos = try field.int64()
            case Field.cause: cause = Cause(try field.text())
            case Field.attempt: attempt = try field.int(0...Int64(Int32.max))
            case Field.version: version = try field.int64()
            case Field.recordedAt: recordedAt = try field.timestamp()
            case Field.firstDueAt: firstDueAt = try field.timestamp()
            case Field.due: due = try field.timestamp()
            case Field.relocation: relocation = try field.int64()
            case Field.envelope: envelope = field.array()
            case Field.acceptedAt: acceptedAt = try field.timestamp()
            case Field.trace: trace = EventTrace(field.bytes)
            default: reader.keep(field)
            }
        }
        self.init(
            endpoint: try required(endpoint, field: Field.endpoint), event: try required(event, field: Field.event),
            tenant: try required(tenant, field: Field.tenant), type: try required(type, field: Field.type),
            pos: try required(pos, field: Field.pos), cause: cause, attempt: attempt,
            configVersion: try required(version, field: Field.version),
            recordedAt: try required(recordedAt, field: Field.recordedAt),
            firstDueAt: try required(firstDueAt, field: Field.firstDueAt), due: due, relocation: relocation,
            envelope: try required(envelope, field: Field.envelope), acceptedAt: acceptedAt, trace: trace)
        unknown = reader.unknown
    }
}
