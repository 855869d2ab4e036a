public import EventModel

/// The record of one event on the topic `events`.
public enum EventRecord {
    private enum Field {
        static let id: UInt8 = 1
        static let tenant: UInt8 = 2
        static let type: UInt8 = 3
        static let smith: UInt8 = 4
        static let createdAt: UInt8 = 5
        static let key: UInt8 = 6
        static let only: UInt8 = 7
        static let except: UInt8 = 8
        static let envelope: UInt8 = 9
        static let trace: UInt8 = 10
        static let audit: UInt8 = 11
    }

    public static func write(_ event: borrowing NewEvent, to bytes: inout [UInt8]) {
        var writer = FieldWriter(appendingTo: take(&bytes))
        writer.add(Field.id, event.id)
        writer.add(Field.tenant, event.tenant.text)
        writer.add(Field.type, event.type)
        writer.add(Field.smith, event.smithID)
        writer.add(Field.createdAt, event.createdAt)
        writer.add(Field.key, event.dedupeKey)
        writer.add(Field.only, event.onlyEndpoint)
        writer.add(Field.except, event.exceptEndpoint)
        writer.add(Field.envelope, event.envelope)
        writer.add(Field.trace, event.trace?.bytes)
        if let audit = event.audit { writer.add(Field.audit, EventAuditField.bytes(audit.record)) }
        bytes = writer.finish()
    }

    /// - Parameter unreadableAudit: Called where what the audit was to say cannot be read: that is no reason to lose the event.
    public static func read(
        _ bytes: UnsafeRawBufferPointer, unreadableAudit: (RecordError) -> Void = { _ in }
    ) throws(RecordError) -> NewEvent {
        var reader = try FieldReader(bytes)
        var id: EventID?
        var tenant: TenantID?
        var type: String?
        var smith: String?
        var createdAt: Timestamp?
        var key: [UInt8]?
        var only: EndpointID?
        var except: EndpointID?
        var envelope: [UInt8]?
        var trace: EventTrace?
        var audit: FieldReader.Field?
        while let field = try reader.next() {
            switch field.number {
            case Field.id: id = try field.identifier()
            case Field.tenant: tenant = try field.tenant()
            case Field.type: type = try field.text()
            case Field.smith: smith = try field.text()
            case Field.createdAt: createdAt = try field.timestamp()
            case Field.key: key = field.array()
            case Field.only: only = try field.identifier()
            case Field.except: except = try field.identifier()
            case Field.envelope: envelope = field.array()
            case Field.trace: trace = EventTrace(field.bytes)
            case Field.audit: audit = field
            default: break
            }
        }
        var event = NewEvent(
            id: try required(id, field: Field.id), tenant: try required(tenant, field: Field.tenant),
            type: try required(type, field: Field.type), smithID: smith,
            createdAt: try required(createdAt, field: Field.createdAt), dedupeKey: key, onlyEndpoint: only,
            exceptEndpoint: except, envelope: try required(envelope, field: Field.envelope), trace: trace)
        if let audit {
            do throws(RecordError) {
                event.audit = try EventAuditField.read(audit.bytes, of: event)
            } catch {
                unreadableAudit(error)
            }
        }
        return event
    }
}

/// Moves an array out of its variable, so that a writer grows it in place.
func take(_ bytes: inout [UInt8]) -> [UInt8] {
    var taken: [UInt8] = []
    swap(&taken, &bytes)
    return taken
}
