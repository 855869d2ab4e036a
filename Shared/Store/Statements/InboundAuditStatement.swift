public import Database
public import EventModel

/// `insert_inbound_audit_v1`: writes rows of requests to doors.
///
///     var batch = InboundAuditStatement.Batch()
///     batch.append(record)
///     try await pool.execute(InboundAuditStatement.statement, batch.parameters())
///
/// A text with a NUL character fails the whole statement with `.data`; `append` takes them out.
public enum InboundAuditStatement {
    public static let statement = Statement(
        "audit.inbound",
        """
        select fanfare.insert_inbound_audit_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        """)

    /// Records in the columns of the statement's arrays.
    public struct Batch: Sendable {
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

        public mutating func append(_ record: borrowing InboundRecord) {
            tenants.append(record.tenant?.text ?? "")
            channels.append(record.channel)
            integrations.append(record.integration, or: ())
            if let event = record.event { events.append(event) } else { events.appendNull() }
            types.append(record.type, or: ())
            started.append(record.startedAt)
            totals.append(Int32(clamping: record.total))
            statuses.append(Int32(clamping: record.status))
            headersSHA.append(record.headersSHA256, or: ())
            payloadSHA.append(record.payloadSHA256, or: ())
            verdicts.append(record.verdict.rawValue)
            reasons.append(record.reason, or: ())
            sources.append(record.sourceIP, or: ())
            keys.append(record.dedupeKey.map { $0.replacing("\0", with: "\u{FFFD}") }, or: ())
            if let age = record.age { ages.append(Int32(clamping: age)) } else { ages.appendNull() }
            if let count = record.leftOut { leftOut.append(Int32(clamping: count)) } else { leftOut.appendNull() }
        }

        public mutating func removeAll() {
            self = Batch()
        }

        public func parameters() -> Parameters {
            var parameters = Parameters(reservingBytes: count * 384 + 512)
            for column in [tenants, channels, integrations, events, types, started, totals, statuses] {
                parameters.add(column)
            }
            for column in [headersSHA, payloadSHA, verdicts, reasons, sources, keys, ages, leftOut] {
                parameters.add(column)
            }
            return parameters
        }
    }
}
