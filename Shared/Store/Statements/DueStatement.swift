public import Database
public import EventModel

/// Reads attempts that wait for their time, joined with their events, and tells when the next one after them is due.
public enum DueStatement {
    public static let statement = Statement(
        "due.rows",
        """
        select n.due_at, r.*
        from (select min(due_at) as due_at from (
            select due_at from fanfare.due where due_at > $2 and part = any ($3) order by due_at limit 1) one) n
        left join lateral (
            select * from (
                select d.part, d.delivery_id, d.due_at as row_due_at, d.first_at, d.pos, d.version, d.attempt,
                    d.endpoint_id, d.cause, e.event_id, e.tenant_id, e.type, e.recorded_at, e.envelope,
                    sum(octet_length(e.envelope)) over (order by d.due_at, d.delivery_id rows unbounded preceding)
                        as weight, e.trace
                from (
                    select * from fanfare.due where due_at >= $1 and due_at <= $2 and part = any ($3)
                    order by due_at, delivery_id limit $4
                ) d left join lateral (
                    select * from fanfare.events where pos = d.pos offset 0
                ) e on true
            ) weighed
            where weight is null or weight - octet_length(envelope) < $5
        ) r on true
        """)

    /// - Parameters:
    ///   - from: Rows due at or after this, by rising time.
    ///   - upTo: Rows due at or before this.
    ///   - bytes: Of envelopes; the one that passes the bound still comes.
    public static func parameters(
        from: Timestamp, upTo: Timestamp, parts: [Int], limit: Int, bytes: Int
    ) -> Parameters {
        Parameters {
            $0.add(from)
            $0.add(upTo)
            $0.add(parts: parts)
            $0.add(Int64(limit))
            $0.add(Int64(bytes))
        }
    }

    public struct Answer: Sendable {
        public var rows: [DueRow]
        /// Every row due up to here is in the answer.
        public var readTo: Timestamp
        /// When the first row behind `upTo` is due.
        public var next: Timestamp?
        /// Waiting attempts whose event has gone with its retention.
        public var orphans: [Orphan]

        public struct Orphan: Sendable, Equatable {
            public var lane: Int
            public var delivery: DeliveryID
        }
    }

    public static func answer(
        _ rows: Rows, upTo: Timestamp, limit: Int, bytes: Int, cache: inout TextCache
    ) -> Answer {
        var answer = Answer(rows: [], readTo: upTo, next: rows.optionalTimestamp(0, 0), orphans: [])
        guard !rows.isNull(0, 1) else { return answer }
        answer.rows.reserveCapacity(rows.count)
        for row in 0..<rows.count {
            if rows.isNull(row, 10) {
                answer.orphans.append(
                    Answer.Orphan(lane: rows.int(row, 1), delivery: rows.identifier(row, 2)))
            } else {
                answer.rows.append(DueRow(rows, row, &cache))
            }
        }
        let last = rows.count - 1
        let isFull = rows.count == limit || (!rows.isNull(last, 15) && rows.int64(last, 15) >= Int64(bytes))
        if isFull { answer.readTo = rows.timestamp(last, 3) }
        return answer
    }

    /// Which of these deliveries wait for a later attempt: a new owner that reads lane rows again must not start them.
    public static let waiting = Statement(
        "due.waiting",
        """
        select d.delivery_id from fanfare.due d join unnest($1, $2) as x(part, id)
            on d.part = x.part and d.delivery_id = x.id
        """)

    public static func parameters(lanes: [Int], deliveries: [DeliveryID]) -> Parameters {
        Parameters {
            $0.add(parts: lanes)
            $0.addArray(of: .text, reservingBytes: deliveries.count * 34) { array in
                for delivery in deliveries { array.append(delivery) }
            }
        }
    }

    public static func waiting(_ rows: Rows) -> Set<DeliveryID> {
        Set((0..<rows.count).map { rows.identifier($0, 0) })
    }
}

/// An attempt that waits, with its event.
public struct DueRow: Sendable, Equatable {
    public var lane: Int
    public var delivery: DeliveryID
    public var due: Timestamp
    /// When the delivery's first attempt became due.
    public var first: Timestamp
    public var pos: Int64
    public var configVersion: Int64
    public var attempt: Int
    public var endpoint: EndpointID
    public var cause: Cause
    public var event: EventID
    public var tenant: TenantID
    public var type: String
    public var recordedAt: Timestamp
    public var envelope: [UInt8]
    public var trace: EventTrace?

    fileprivate init(_ rows: Rows, _ row: Int, _ cache: inout TextCache) {
        lane = rows.int(row, 1)
        delivery = rows.identifier(row, 2)
        due = rows.timestamp(row, 3)
        first = rows.timestamp(row, 4)
        pos = rows.int64(row, 5)
        configVersion = rows.int64(row, 6)
        attempt = rows.int(row, 7)
        endpoint = rows.identifier(row, 8)
        cause = rows.withBytes(row, 9) { Cause(cache.text($0)) }
        event = rows.identifier(row, 10)
        tenant = rows.tenant(row, 11, &cache)
        type = rows.withBytes(row, 12) { cache.text($0) }
        recordedAt = rows.timestamp(row, 13)
        envelope = rows.bytes(row, 14)
        trace = rows.trace(row, 16)
    }
}
