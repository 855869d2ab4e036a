public import Database
public import EventModel

/// `settle_v1`: records a batch of outcomes in one call: audit rows, waiting attempts, dead letters, positions.
///
/// Calls carry a number that rises within a process; repeating a call with the same number writes nothing twice, so a
/// call whose answer was lost is simply made again.
public enum SettleStatement {
    public static let statement = Statement(
        "lanes.settle",
        """
        select fanfare.settle_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
            $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41,
            $42, $43, $44, $45, $46, $47, $48, $49, $50)
        """)

    /// What a call writes.
    public struct Batch: Sendable {
        fileprivate var parts: [OwnedPart] = []
        fileprivate var settled = ArrayBuilder(.int64)
        fileprivate var doneParts = ArrayBuilder(.int32)
        fileprivate var doneIDs = ArrayBuilder(.text)
        public var due = DueColumns()
        public var letters = DeadLetterColumns()
        public var audit = AuditColumns()

        public init() {}

        /// - Parameter settled: Every lane row of the part with `seq` up to here is done with this call.
        public mutating func append(part: OwnedPart, settled: Int64) {
            parts.append(part)
            self.settled.append(settled)
        }

        /// A waiting attempt that is over: its row goes.
        public mutating func finish(part: Int, delivery: DeliveryID) {
            doneParts.append(Int32(part))
            doneIDs.append(delivery)
        }
    }

    /// - Parameter number: Rises from call to call within a process.
    public static func parameters(topic: String, number: Int64, batch: Batch) -> Parameters {
        var parameters = Parameters(reservingBytes: batch.audit.count * 512 + batch.due.count * 160 + 2_048)
        parameters.add(topic)
        parameters.add(owned: batch.parts)
        parameters.add(batch.settled)
        parameters.add(number)
        parameters.add(batch.doneParts)
        parameters.add(batch.doneIDs)
        batch.due.add(to: &parameters)
        batch.letters.add(to: &parameters)
        batch.audit.add(to: &parameters)
        return parameters
    }

    /// The partitions that are another's; when there are any, nothing was written.
    public static func refused(_ rows: Rows) -> [Int] { rows.parts(0, 0) }
}
