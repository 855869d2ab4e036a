public import Database
public import EventModel

/// `project_audit_v1`: writes the audit rows and dead letters of consumed audit records, each record once by
/// (partition, offset) (Kafka).
public enum ProjectAuditStatement {
    public static let statement = Statement(
        "audit.project",
        """
        select fanfare.project_audit_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40,
            $41, $42)
        """)

    /// Consumed audit records in the columns of the statement's arrays.
    public struct Batch: Sendable {
        fileprivate var parts = ArrayBuilder(.int32)
        fileprivate var offsets = ArrayBuilder(.int64)
        fileprivate var audit = AuditColumns()
        fileprivate var letterOrdinals = ArrayBuilder(.int32)
        fileprivate var letters = DeadLetterColumns()
        fileprivate var payloads = ArrayBuilder(.bytes)

        public init() {}

        public var count: Int { parts.count }

        public mutating func append(_ record: borrowing AttemptRecord, part: Int, offset: Int64) {
            parts.append(Int32(part))
            offsets.append(offset)
            audit.append(record)
        }

        /// A record that ends its delivery without success.
        ///
        /// - Parameters:
        ///   - pos: Where the event stands on the feed.
        ///   - payload: The envelope.
        public mutating func append(
            _ record: borrowing AttemptRecord, letter: DeadLetter, pos: Int64, payload: [UInt8], part: Int,
            offset: Int64
        ) {
            append(record, part: part, offset: offset)
            letterOrdinals.append(Int32(count))
            letters.append(
                letter, tenant: record.tenant, endpoint: record.endpoint, event: record.event,
                delivery: record.delivery, type: record.type, pos: pos)
            payloads.append(payload)
        }
    }

    /// - Parameter owned: Every partition of the batch, with the offset behind its last record.
    public static func parameters(topic: String, owned: [StoreStatement.Owned], batch: Batch) -> Parameters {
        var parameters = Parameters(reservingBytes: batch.count * 1_024)
        parameters.add(topic)
        parameters.add(owned: owned.map(\.part))
        parameters.add(optionalInt64s: owned.map(\.next))
        parameters.add(batch.parts)
        parameters.add(batch.offsets)
        batch.audit.add(to: &parameters)
        parameters.add(batch.letterOrdinals)
        batch.letters.add(to: &parameters)
        parameters.add(batch.payloads)
        return parameters
    }

    /// The partitions that are another's; when there are any, nothing was written.
    public static func refused(_ rows: Rows) -> [Int] { rows.parts(0, 0) }
}
