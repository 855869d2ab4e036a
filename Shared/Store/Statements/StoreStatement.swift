public import Database
public import EventModel

/// `store_events_v1`: stores a batch that was consumed from a log, any number of partitions in one call, and records
/// where storing and fan-out stand. A record that was stored by an earlier call is left out, with its row in the audit, so it
/// can be repeated.
public enum StoreStatement {
    public static let statement = Statement(
        "events.store",
        """
        select o_refused, o_skipped, o_gaps, o_first, o_version, o_recorded, o_duplicate_ords, o_duplicate_ids
        from fanfare.store_events_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
            make_interval(secs => $17))
        """)

    private static let traced = Statement(
        "events.store-traced",
        """
        select o_refused, o_skipped, o_gaps, o_first, o_version, o_recorded, o_duplicate_ords, o_duplicate_ids
        from fanfare.store_events_v2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
            make_interval(secs => $17), $18)
        """)

    private static let audited = Statement(
        "events.store-audited",
        """
        select o_refused, o_skipped, o_gaps, o_first, o_version, o_recorded, o_duplicate_ords, o_duplicate_ids
        from fanfare.store_audited_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
            make_interval(secs => $17), $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33,
            $34, $35, $36, $37)
        """)

    /// The statement for a batch.
    public static func statement(for batch: Batch) -> Statement {
        batch.events.audits != nil ? audited : batch.events.hasTrace ? traced : statement
    }

    /// Consumed records in the columns of the statement's arrays.
    public struct Batch: Sendable {
        fileprivate var events = EventColumns()
        fileprivate var offsets = ArrayBuilder(.int64)
        /// Where the records lie that brought the audit's rows: a row is written once by them.
        fileprivate var auditParts = ArrayBuilder(.int32)
        fileprivate var auditOffsets = ArrayBuilder(.int64)

        public init() {}

        public var count: Int { events.count }
        public var envelopeBytes: Int { events.envelopeBytes }

        public mutating func append(_ event: borrowing NewEvent, part: Int, offset: Int64) {
            events.append(event, part: part)
            offsets.append(offset)
            if event.audit != nil { didAddAudit(part: part, offset: offset) }
        }

        /// The record of a request whose event is stored already: only its row in the audit is written.
        public mutating func append(duplicate audit: EventAudit, part: Int, offset: Int64) {
            events.append(duplicate: audit)
            didAddAudit(part: part, offset: offset)
        }

        private mutating func didAddAudit(part: Int, offset: Int64) {
            auditParts.append(Int32(part))
            auditOffsets.append(offset)
        }

        public mutating func removeAll() {
            events.removeAll()
            offsets.removeAll()
            auditParts.removeAll()
            auditOffsets.removeAll()
        }
    }

    /// A partition that the batch, or `fanned`, speaks of.
    public struct Owned: Sendable {
        public var part: OwnedPart
        /// The offset behind the partition's last record in the batch; nil: it has none.
        public var next: Int64?

        public init(_ part: OwnedPart, next: Int64?) {
            self.part = part
            self.next = next
        }
    }

    /// - Parameter fanned: Where the fan-out of all `owned` stands; nil: not moved.
    public static func parameters(
        topic: String, owned: [Owned], fanned: Int64?, batch: Batch, window: Duration
    ) -> Parameters {
        var parameters = Parameters(
            reservingBytes: batch.envelopeBytes + batch.count * 280 + (batch.events.audits?.byteEstimate ?? 0) + 1_024)
        parameters.add(topic)
        parameters.add(owned: owned.map(\.part))
        parameters.add(optionalInt64s: owned.map(\.next))
        parameters.add(fanned)
        batch.events.addParts(to: &parameters)
        parameters.add(batch.offsets)
        batch.events.addRest(to: &parameters)
        parameters.add(interval: window)
        if let audits = batch.events.audits {
            batch.events.addTracesIfAny(to: &parameters)
            parameters.add(batch.auditParts)
            parameters.add(batch.auditOffsets)
            audits.addOrdinals(to: &parameters)
            audits.add(to: &parameters)
        } else if batch.events.hasTrace {
            batch.events.addTraces(to: &parameters)
        }
        return parameters
    }

    public enum Answer: Sendable, Equatable {
        /// These partitions are another's; nothing was written.
        case refused([Int])
        case stored(Stored)
    }

    public struct Stored: Sendable, Equatable {
        /// Indices into the batch of records that an earlier call stored.
        public var skipped: [Int]
        /// Partitions whose log lost records before the batch.
        public var gaps: [Int]
        /// Positions, configuration version and duplicates; `first` is the next free position when nothing was stored.
        public var events: AppendStatement.Answer

        /// The position of each record of the batch, nil where it was not stored by this call.
        public func positions(count: Int) -> [Int64?] {
            var positions = [Int64?](repeating: nil, count: count)
            var absent = [Bool](repeating: false, count: count)
            for index in skipped { absent[index] = true }
            for duplicate in events.duplicates { absent[duplicate.index] = true }
            var next = events.first
            for index in 0..<count where !absent[index] {
                positions[index] = next
                next += 1
            }
            return positions
        }
    }

    public static func answer(_ rows: Rows) -> Answer {
        if !rows.isNull(0, 0) { return .refused(rows.parts(0, 0)) }
        return .stored(
            Stored(
                skipped: rows.parts(0, 1).map { $0 - 1 }, gaps: rows.parts(0, 2),
                events: AppendStatement.Answer(rows, first: 3, version: 4, recorded: 5, ordinals: 6, ids: 7)))
    }
}
