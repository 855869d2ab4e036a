internal import Database
public import EventModel

/// Events on their way to the store, turned into the columns of the statement's arrays as they come: each value is
/// written once, in its wire form.
///
/// Reuse one with `removeAll()`, which keeps its memory.
public struct EventColumns: Sendable {
    private var parts = ArrayBuilder(.int32)
    private var ids = ArrayBuilder(.text)
    private var tenants = ArrayBuilder(.text)
    private var types = ArrayBuilder(.text)
    private var smiths = ArrayBuilder(.text)
    private var created = ArrayBuilder(.timestamp)
    private var keys = ArrayBuilder(.bytes)
    private var only = ArrayBuilder(.text)
    private var except = ArrayBuilder(.text)
    private var envelopes = ArrayBuilder(.bytes)
    private var traces = ArrayBuilder(.bytes)
    /// Whether one of the events stands in a trace.
    public private(set) var hasTrace = false
    /// What the audit is to say of the requests that brought some of them; nil where nothing is to be said.
    public private(set) var audits: InboundAuditColumns?
    /// The envelopes' bytes so far.
    public private(set) var envelopeBytes = 0

    public init() {}

    public var count: Int { parts.count }

    /// - Parameter part: The event's partition: of the record (Kafka), or `tenant.partition(of:)`.
    public mutating func append(_ event: borrowing NewEvent, part: Int) {
        parts.append(Int32(part))
        ids.append(event.id)
        tenants.append(event.tenant.text)
        types.append(event.type)
        if let smith = event.smithID { smiths.append(smith) } else { smiths.appendNull() }
        created.append(event.createdAt)
        if let key = event.dedupeKey { keys.append(key) } else { keys.appendNull() }
        if let endpoint = event.onlyEndpoint { only.append(endpoint) } else { only.appendNull() }
        if let endpoint = event.exceptEndpoint { except.append(endpoint) } else { except.appendNull() }
        envelopes.append(event.envelope)
        envelopeBytes += event.envelope.count
        if let trace = event.trace {
            traces.append(trace.bytes)
            hasTrace = true
        } else {
            traces.appendNull()
        }
        if let audit = event.audit { audits.append(audit.record, ordinal: count) }
    }

    /// A request whose event is stored already: only its row is written.
    mutating func append(duplicate audit: EventAudit) {
        audits.append(audit.record, ordinal: 0)
    }

    public mutating func removeAll() {
        parts.removeAll()
        ids.removeAll()
        tenants.removeAll()
        types.removeAll()
        smiths.removeAll()
        created.removeAll()
        keys.removeAll()
        only.removeAll()
        except.removeAll()
        envelopes.removeAll()
        traces.removeAll()
        hasTrace = false
        audits = nil
        envelopeBytes = 0
    }

    func addParts(to parameters: inout Parameters) {
        parameters.add(parts)
    }

    func addTraces(to parameters: inout Parameters) {
        parameters.add(traces)
    }

    /// Null where no event stands in a trace: the call then goes the way of those that have none.
    func addTracesIfAny(to parameters: inout Parameters) {
        if hasTrace { parameters.add(traces) } else { parameters.addNull(arrayOf: .bytes) }
    }

    func addRest(to parameters: inout Parameters) {
        for column in [ids, tenants, types, smiths, created, keys, only, except, envelopes] { parameters.add(column) }
    }
}

extension InboundAuditColumns? {
    /// Makes the columns with the first record.
    fileprivate mutating func append(_ record: borrowing InboundRecord, ordinal: Int) {
        var columns = self ?? InboundAuditColumns()
        self = nil
        columns.append(record, ordinal: ordinal)
        self = columns
    }
}

extension ArrayBuilder {
    /// An identifier's text.
    mutating func append<Kind>(_ id: Identifier<Kind>) {
        append { id.write(to: &$0) }
    }

    mutating func append(_ value: String?, or _: Void) {
        if let value { append(value) } else { appendNull() }
    }

    mutating func append(_ value: [UInt8]?, or _: Void) {
        if let value { append(value) } else { appendNull() }
    }
}
