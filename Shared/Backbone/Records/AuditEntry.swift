public import EventModel

/// The record of one attempt on the topic `audit`, with the dead letter where the delivery ended without success.
public struct AuditEntry: Sendable, Equatable {
    /// What a dead letter's row needs beside the attempt.
    public struct Dead: Sendable, Equatable {
        public var letter: DeadLetter
        /// Where the event stands on the feed.
        public var pos: Int64
        /// The envelope.
        public var payload: [UInt8]

        public init(letter: DeadLetter, pos: Int64, payload: [UInt8]) {
            self.letter = letter
            self.pos = pos
            self.payload = payload
        }
    }

    public var attempt: AttemptRecord
    public var dead: Dead?

    public init(attempt: AttemptRecord, dead: Dead? = nil) {
        self.attempt = attempt
        self.dead = dead
    }

    private enum Field {
        static let tenant: UInt8 = 1
        static let endpoint: UInt8 = 2
        static let event: UInt8 = 3
        static let delivery: UInt8 = 4
        static let type: UInt8 = 5
        static let cause: UInt8 = 6
        static let attempt: UInt8 = 7
        static let startedAt: UInt8 = 8
        static let dns: UInt8 = 9
        static let connect: UInt8 = 10
        static let tls: UInt8 = 11
        static let firstByte: UInt8 = 12
        static let total: UInt8 = 13
        static let status: UInt8 = 14
        static let errorClass: UInt8 = 15
        static let headersSHA256: UInt8 = 16
        static let payloadSHA256: UInt8 = 17
        static let responseHeaders: UInt8 = 18
        static let responseHead: UInt8 = 19
        static let verdict: UInt8 = 20
        static let reason: UInt8 = 21
        static let sourceIP: UInt8 = 22
        static let nextAttemptAt: UInt8 = 23
        static let letterID: UInt8 = 32
        static let letterAttempts: UInt8 = 33
        static let letterErrorClass: UInt8 = 34
        static let letterStatus: UInt8 = 35
        static let letterReason: UInt8 = 36
        static let letterPos: UInt8 = 37
        static let payload: UInt8 = 38
    }

    public func write(to bytes: inout [UInt8]) {
        var writer = FieldWriter(appendingTo: take(&bytes))
        writer.add(Field.tenant, attempt.tenant.text)
        writer.add(Field.endpoint, attempt.endpoint)
        writer.add(Field.event, attempt.event)
        writer.add(Field.delivery, attempt.delivery)
        writer.add(Field.type, attempt.type)
        if attempt.cause != .live { writer.add(Field.cause, attempt.cause.description) }
        writer.add(Field.attempt, Int64(attempt.attempt))
        writer.add(Field.startedAt, attempt.startedAt)
        writer.add(Field.dns, attempt.dns)
        writer.add(Field.connect, attempt.connect)
        writer.add(Field.tls, attempt.tls)
        writer.add(Field.firstByte, attempt.firstByte)
        writer.add(Field.total, attempt.total)
        writer.add(Field.status, attempt.status.map { Int64($0) })
        writer.add(Field.errorClass, attempt.errorClass)
        writer.add(Field.headersSHA256, attempt.headersSHA256)
        writer.add(Field.payloadSHA256, attempt.payloadSHA256)
        writer.add(Field.responseHeaders, attempt.responseHeaders)
        writer.add(Field.responseHead, attempt.responseHead)
        writer.add(Field.verdict, attempt.verdict.rawValue)
        writer.add(Field.reason, attempt.reason)
        writer.add(Field.sourceIP, attempt.sourceIP)
        writer.add(Field.nextAttemptAt, attempt.nextAttemptAt?.microseconds)
        if let dead {
            writer.add(Field.letterID, dead.letter.id)
            writer.add(Field.letterAttempts, Int64(dead.letter.attempts))
            writer.add(Field.letterErrorClass, dead.letter.errorClass)
            writer.add(Field.letterStatus, dead.letter.status.map { Int64($0) })
            writer.add(Field.letterReason, dead.letter.reason)
            writer.add(Field.letterPos, dead.pos)
            writer.add(Field.payload, dead.payload)
        }
        bytes = writer.finish()
    }

    /// - Throws: `RecordError`.
    public init(_ bytes: UnsafeRawBufferPointer) throws(RecordError) {
        var fields = Fields()
        var reader = try FieldReader(bytes)
        while let field = try reader.next() {
            if try !fields.takeIdentity(field) { try fields.takeDetail(field) }
        }
        attempt = try fields.attempt()
        dead = try fields.dead()
    }

    /// What was read so far.
    private struct Fields {
        var tenant: TenantID?
        var endpoint: EndpointID?
        var event: EventID?
        var delivery: DeliveryID?
        var type: String?
        var cause = Cause.live
        var number: Int?
        var startedAt: Timestamp?
        var verdict: AttemptRecord.Verdict?
        /// Of the optional columns only.
        var details: [UInt8: FieldReader.Field] = [:]

        /// False for a field that is not one of the identity.
        mutating func takeIdentity(_ field: FieldReader.Field) throws(RecordError) -> Bool {
            switch field.number {
            case Field.tenant: tenant = try field.tenant()
            case Field.endpoint: endpoint = try field.identifier()
            case Field.event: event = try field.identifier()
            case Field.delivery: delivery = try field.identifier()
            case Field.type: type = try field.text()
            case Field.cause: cause = Cause(try field.text())
            case Field.attempt: number = try field.int(0...Int64(Int32.max))
            case Field.startedAt: startedAt = try field.timestamp()
            case Field.verdict: verdict = AttemptRecord.Verdict(rawValue: try field.text())
            default: return false
            }
            return true
        }

        mutating func takeDetail(_ field: FieldReader.Field) throws(RecordError) {
            details[field.number] = field
        }

        func attempt() throws(RecordError) -> AttemptRecord {
            var attempt = AttemptRecord(
                tenant: try required(tenant, field: Field.tenant),
                endpoint: try required(endpoint, field: Field.endpoint),
                event: try required(event, field: Field.event), delivery: try required(delivery, field: Field.delivery),
                type: try required(type, field: Field.type), cause: cause,
                attempt: try required(number, field: Field.attempt),
                startedAt: try required(startedAt, field: Field.startedAt),
                verdict: try required(verdict, field: Field.verdict))
            attempt.dns = try details[Field.dns]?.int64()
            attempt.connect = try details[Field.connect]?.int64()
            attempt.tls = try details[Field.tls]?.int64()
            attempt.firstByte = try details[Field.firstByte]?.int64()
            attempt.total = try details[Field.total]?.int64()
            attempt.status = try details[Field.status]?.int(0...999)
            attempt.errorClass = try details[Field.errorClass]?.text()
            attempt.headersSHA256 = details[Field.headersSHA256]?.array()
            attempt.payloadSHA256 = details[Field.payloadSHA256]?.array()
            attempt.responseHeaders = try details[Field.responseHeaders]?.text()
            attempt.responseHead = details[Field.responseHead]?.array()
            attempt.reason = try details[Field.reason]?.text()
            attempt.sourceIP = try details[Field.sourceIP]?.text()
            attempt.nextAttemptAt = try details[Field.nextAttemptAt]?.timestamp()
            return attempt
        }

        func dead() throws(RecordError) -> Dead? {
            guard let id = details[Field.letterID] else { return nil }
            let letter = DeadLetter(
                id: try id.identifier(),
                attempts: try required(details[Field.letterAttempts], field: Field.letterAttempts)
                    .int(0...Int64(Int32.max)),
                errorClass: try details[Field.letterErrorClass]?.text(),
                status: try details[Field.letterStatus]?.int(0...999),
                reason: try required(details[Field.letterReason], field: Field.letterReason).text())
            return Dead(
                letter: letter, pos: try required(details[Field.letterPos], field: Field.letterPos).int64(),
                payload: try required(details[Field.payload], field: Field.payload).array())
        }
    }
}
