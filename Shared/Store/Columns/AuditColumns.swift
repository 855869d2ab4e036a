internal import Database
public import EventModel

/// Attempts on their way to `webhook_audit`, written into the columns of the statement's arrays as they come.
///
/// Texts that Postgres cannot hold (NUL characters) fail the whole statement with class 22: the caller splits.
public struct AuditColumns: Sendable {
    private var tenants = ArrayBuilder(.text)
    private var endpoints = ArrayBuilder(.text)
    private var events = ArrayBuilder(.text)
    private var deliveries = ArrayBuilder(.text)
    private var types = ArrayBuilder(.text)
    private var causes = ArrayBuilder(.text)
    private var attempts = ArrayBuilder(.int32)
    private var started = ArrayBuilder(.timestamp)
    private var dns = ArrayBuilder(.int32)
    private var connect = ArrayBuilder(.int32)
    private var tls = ArrayBuilder(.int32)
    private var firstByte = ArrayBuilder(.int32)
    private var total = ArrayBuilder(.int32)
    private var statuses = ArrayBuilder(.int32)
    private var errors = ArrayBuilder(.text)
    private var headersSHA = ArrayBuilder(.bytes)
    private var payloadSHA = ArrayBuilder(.bytes)
    private var responseHeaders = ArrayBuilder(.text)
    private var responseHeads = ArrayBuilder(.bytes)
    private var verdicts = ArrayBuilder(.text)
    private var reasons = ArrayBuilder(.text)
    private var sources = ArrayBuilder(.text)
    private var next = ArrayBuilder(.timestamp)

    public init() {}

    public var count: Int { tenants.count }

    public mutating func append(_ record: borrowing AttemptRecord) {
        tenants.append(record.tenant.text)
        endpoints.append(record.endpoint)
        events.append(record.event)
        deliveries.append(record.delivery)
        types.append(record.type)
        causes.append(record.cause.description)
        attempts.append(Int32(clamping: record.attempt))
        started.append(record.startedAt)
        dns.append(phase: record.dns)
        connect.append(phase: record.connect)
        tls.append(phase: record.tls)
        firstByte.append(phase: record.firstByte)
        total.append(phase: record.total)
        if let status = record.status { statuses.append(Int32(clamping: status)) } else { statuses.appendNull() }
        errors.append(record.errorClass, or: ())
        headersSHA.append(record.headersSHA256, or: ())
        payloadSHA.append(record.payloadSHA256, or: ())
        responseHeaders.append(record.responseHeaders, or: ())
        responseHeads.append(record.responseHead, or: ())
        verdicts.append(record.verdict.rawValue)
        reasons.append(record.reason, or: ())
        sources.append(record.sourceIP, or: ())
        if let time = record.nextAttemptAt { next.append(time) } else { next.appendNull() }
    }

    public mutating func removeAll() {
        self = AuditColumns()
    }

    func add(to parameters: inout Parameters) {
        for column in [tenants, endpoints, events, deliveries, types, causes, attempts, started] {
            parameters.add(column)
        }
        for column in [dns, connect, tls, firstByte, total, statuses, errors, headersSHA, payloadSHA] {
            parameters.add(column)
        }
        for column in [responseHeaders, responseHeads, verdicts, reasons, sources, next] { parameters.add(column) }
    }
}

extension ArrayBuilder {
    /// Microseconds of a phase; nothing lasts longer than the half hour that fits.
    fileprivate mutating func append(phase: Int64?) {
        if let phase { append(Int32(clamping: phase)) } else { appendNull() }
    }
}
