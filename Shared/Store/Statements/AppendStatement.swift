public import Database
public import EventModel

/// `append_events_v1`: puts events on the feed in one call, each key once (Postgres as the log).
///
/// ```swift
/// for event in batch { columns.append(event, part: event.tenant.partition(of: 12)) }
/// let answer = try AppendStatement.answer(connection.execute(
///     AppendStatement.statement, AppendStatement.parameters(columns, window: .seconds(86_400))))
/// ```
public enum AppendStatement {
    public static let statement = Statement(
        "events.append",
        """
        select o_first, o_version, o_recorded, o_duplicate_ords, o_duplicate_ids,
            case when $12 <> '' then pg_notify($12, '') end
        from fanfare.append_events_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, make_interval(secs => $11), null)
        """)

    /// For a batch in which some events stand in a trace.
    public static let traced = Statement(
        "events.append-traced",
        """
        select o_first, o_version, o_recorded, o_duplicate_ords, o_duplicate_ids,
            case when $12 <> '' then pg_notify($12, '') end
        from fanfare.append_events_v2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, make_interval(secs => $11), $13)
        """)

    /// For a batch in which the requests of some events are in the audit.
    private static let audited = Statement(
        "events.append-audited",
        """
        select o_first, o_version, o_recorded, o_duplicate_ords, o_duplicate_ids,
            case when $12 <> '' then pg_notify($12, '') end
        from fanfare.append_audited_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, make_interval(secs => $11), $13,
            $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30)
        """)

    /// The statement for a batch.
    public static func statement(for events: EventColumns) -> Statement {
        events.audits != nil ? audited : events.hasTrace ? traced : statement
    }

    /// - Parameters:
    ///   - window: How long a key is remembered.
    ///   - waking: The channel to notify with the commit; empty for none.
    public static func parameters(
        _ events: EventColumns, window: Duration, waking channel: String = ""
    ) -> Parameters {
        var parameters = Parameters(
            reservingBytes: events.envelopeBytes + events.count * 256 + (events.audits?.byteEstimate ?? 0) + 512)
        events.addParts(to: &parameters)
        events.addRest(to: &parameters)
        parameters.add(interval: window)
        parameters.add(channel)
        if let audits = events.audits {
            events.addTracesIfAny(to: &parameters)
            audits.addOrdinals(to: &parameters)
            audits.add(to: &parameters)
        } else if events.hasTrace {
            events.addTraces(to: &parameters)
        }
        return parameters
    }

    public static func answer(_ rows: Rows) -> Answer {
        Answer(rows, first: 0, version: 1, recorded: 2, ordinals: 3, ids: 4)
    }

    /// What became of a batch.
    public struct Answer: Sendable, Equatable {
        /// The position of the first event that was stored; the others follow without gaps, in order.
        public var first: Int64
        /// The configuration version that is in force for all of them.
        public var configVersion: Int64
        public var recordedAt: Timestamp
        /// Events that were not stored since their key was known, with the id of the one that was. By rising ordinal.
        public var duplicates: [Duplicate]

        public struct Duplicate: Sendable, Equatable {
            /// Index into the batch.
            public var index: Int
            public var winner: EventID

            public init(index: Int, winner: EventID) {
                self.index = index
                self.winner = winner
            }
        }

        init(_ rows: Rows, first: Int, version: Int, recorded: Int, ordinals: Int, ids: Int) {
            self.first = rows.int64(0, first)
            configVersion = rows.int64(0, version)
            recordedAt = rows.timestamp(0, recorded)
            duplicates = []
            if !rows.isNull(0, ordinals) {
                let winners = rows.textArray(0, ids)
                for (place, ordinal) in rows.parts(0, ordinals).enumerated() {
                    guard let winner = EventID(winners[place]) else {
                        preconditionFailure("the dedupe table holds event ids only")
                    }
                    duplicates.append(Duplicate(index: ordinal - 1, winner: winner))
                }
            }
        }
    }
}
