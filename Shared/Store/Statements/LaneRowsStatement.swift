public import Database
public import EventModel

/// Reads lane rows in order of `seq` for the parts that a process owns, joined with their events.
///
/// As on the feed, a snapshot that shows `next_seq` shows every row before it.
public enum LaneRowsStatement {
    /// The inner LATERAL keeps its OFFSET: without it a plan that misjudges the limit may scan all events. Rows are
    /// bounded in bytes by what their envelopes weigh before they are fetched from where long values lie.
    public static let statement = Statement(
        "lanes.rows",
        """
        select h.next_seq, r.*
        from fanfare.lane_head h left join lateral (
            select * from (
                select l.seq, l.part, l.pos, l.version, l.made_at, l.endpoint_id, l.cause, e.event_id, e.tenant_id,
                    e.type, e.recorded_at, e.envelope,
                    sum(octet_length(e.envelope)) over (order by l.seq rows unbounded preceding) as weight, e.trace
                from (
                    select * from fanfare.lanes where seq > $1 and seq <= $2 and part = any ($3) order by seq limit $4
                ) l left join lateral (
                    select * from fanfare.events where pos = l.pos offset 0
                ) e on true
            ) weighed
            where weight is null or weight - octet_length(envelope) < $5
        ) r on true
        where h.shard = 0
        """)

    /// - Parameters:
    ///   - after: Rows behind this `seq`.
    ///   - upTo: The last `seq` of interest; `Int64.max` for all there are.
    ///   - bytes: Of envelopes; the one that passes the bound still comes.
    public static func parameters(
        after: Int64, upTo: Int64 = .max, parts: [Int], limit: Int, bytes: Int
    ) -> Parameters {
        Parameters {
            $0.add(after)
            $0.add(upTo)
            $0.add(parts: parts)
            $0.add(Int64(limit))
            $0.add(Int64(bytes))
        }
    }

    public struct Answer: Sendable {
        public var rows: [LaneRow]
        public var nextSeq: Int64
        /// Every row of the parts up to here is in the answer.
        public var readTo: Int64
        /// Rows whose event has gone with its retention: nothing can be sent, they count as done.
        public var orphans: Int
    }

    public static func answer(
        _ rows: Rows, upTo: Int64 = .max, limit: Int, bytes: Int, cache: inout TextCache
    ) -> Answer {
        let head = rows.int64(0, 0)
        var answer = Answer(rows: [], nextSeq: head, readTo: min(upTo, head - 1), orphans: 0)
        guard !rows.isNull(0, 1) else { return answer }
        answer.rows.reserveCapacity(rows.count)
        for row in 0..<rows.count {
            if rows.isNull(row, 8) {
                answer.orphans += 1
            } else {
                answer.rows.append(LaneRow(rows, row, &cache))
            }
        }
        let last = rows.count - 1
        let isFull = rows.count == limit || (!rows.isNull(last, 13) && rows.int64(last, 13) >= Int64(bytes))
        if isFull { answer.readTo = rows.int64(last, 1) }
        return answer
    }
}

/// A lane row with its event.
public struct LaneRow: Sendable, Equatable {
    public var seq: Int64
    public var lane: Int
    public var pos: Int64
    public var configVersion: Int64
    /// When the delivery was asked for.
    public var madeAt: Timestamp
    public var endpoint: EndpointID
    public var cause: Cause
    public var event: EventID
    public var tenant: TenantID
    public var type: String
    public var recordedAt: Timestamp
    public var envelope: [UInt8]
    public var trace: EventTrace?

    fileprivate init(_ rows: Rows, _ row: Int, _ cache: inout TextCache) {
        seq = rows.int64(row, 1)
        lane = rows.int(row, 2)
        pos = rows.int64(row, 3)
        configVersion = rows.int64(row, 4)
        madeAt = rows.timestamp(row, 5)
        endpoint = rows.identifier(row, 6)
        cause = rows.withBytes(row, 7) { Cause(cache.text($0)) }
        event = rows.identifier(row, 8)
        tenant = rows.tenant(row, 9, &cache)
        type = rows.withBytes(row, 10) { cache.text($0) }
        recordedAt = rows.timestamp(row, 11)
        envelope = rows.bytes(row, 12)
        trace = rows.trace(row, 14)
    }
}
