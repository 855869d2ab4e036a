internal import Database
public import EventModel

/// Requests to doors on their way to `webhook_audit`, written into the columns of the statement's arrays as they come.
///
/// A text with a NUL character would fail the whole statement with `.data`; `append` takes them out.
public struct InboundAuditColumns: Sendable {
    private var ordinals = ArrayBuilder(.int32)
    private var tenants = ArrayBuilder(.text)
    private var channels = ArrayBuilder(.text)
    private var integrations = ArrayBuilder(.text)
    private var events = ArrayBuilder(.text)
    private var types = ArrayBuilder(.text)
    private var started = ArrayBuilder(.timestamp)
    private var totals = ArrayBuilder(.int32)
    private var statuses = ArrayBuilder(.int32)
    private var headersSHA = ArrayBuilder(.bytes)
    private var payloadSHA = ArrayBuilder(.bytes)
    private var verdicts = ArrayBuilder(.text)
    private var reasons = ArrayBuilder(.text)
    private var sources = ArrayBuilder(.text)
    private var keys = ArrayBuilder(.text)
    private var ages = ArrayBuilder(.int32)
    private var leftOut = ArrayBuilder(.int32)

    public init() {}

    public var count: Int { tenants.count }

    /// About so many bytes are the parameters.
    var byteEstimate: Int { count * 384 }

    /// - Parameter ordinal: The place, from 1, of the request's event in the batch that is stored by the same call; 0: none.
    public mutating func append(_ record: borrowing InboundRecord, ordinal: Int = 0) {
        ordinals.append(Int32(ordinal))
        tenants.append(record.tenant?.text ?? "")
        channels.append(storable: record.channel)
        integrations.append(storable: record.integration)
        if let event = record.event { events.append(event) } else { events.appendNull() }
        types.append(storable: record.type)
        started.append(record.startedAt)
        totals.append(Int32(clamping: record.total))
        statuses.append(Int32(clamping: record.status))
        headersSHA.append(record.headersSHA256, or: ())
        payloadSHA.append(record.payloadSHA256, or: ())
        verdicts.append(record.verdict.rawValue)
        reasons.append(storable: record.reason)
        sources.append(storable: record.sourceIP)
        keys.append(storable: record.dedupeKey)
        if let age = record.age { ages.append(Int32(clamping: age)) } else { ages.appendNull() }
        if let count = record.leftOut { leftOut.append(Int32(clamping: count)) } else { leftOut.appendNull() }
    }

    func addOrdinals(to parameters: inout Parameters) {
        parameters.add(ordinals)
    }

    func add(to parameters: inout Parameters) {
        for column in [tenants, channels, integrations, events, types, started, totals, statuses] {
            parameters.add(column)
        }
        for column in [headersSHA, payloadSHA, verdicts, reasons, sources, keys, ages, leftOut] {
            parameters.add(column)
        }
    }
}

extension ArrayBuilder {
    /// A text without NUL characters, which Postgres cannot hold.
    fileprivate mutating func append(storable text: String?) {
        guard let text else { return appendNull() }
        append(text.utf8.contains(0) ? text.replacing("\0", with: "\u{FFFD}") : text)
    }
}
