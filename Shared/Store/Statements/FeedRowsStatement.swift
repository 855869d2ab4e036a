public import Database
public import EventModel

/// Reads rows of the feed in order for the fan-out, with the configuration version of the same snapshot.
///
/// Positions are given out under a lock that is held until commit, so a snapshot that shows `next_pos` shows every row
/// before it: the answer tells how far there is nothing left to read.
public enum FeedRowsStatement {
    /// Without envelopes.
    public static let statement = Statement("feed.rows", sql(columns: ""))
    /// With them.
    public static let withEnvelopes = Statement("feed.rows-full", sql(columns: ", e.envelope"))

    private static func sql(columns: String) -> String {
        """
        select h.next_pos, h.config_version, r.*
        from fanfare.feed_head h left join lateral (
            select e.pos, e.part, e.event_id, e.tenant_id, e.type, e.only_endpoint, e.except_endpoint, e.recorded_at,
                e.trace\
        \(columns)
            from fanfare.events e where e.pos > $1 and e.pos <= $2 and e.part = any ($3) order by e.pos limit $4
        ) r on true
        where h.shard = 0
        """
    }

    /// - Parameters:
    ///   - after: Rows behind this position.
    ///   - upTo: The last position of interest; `Int64.max` for all there are.
    public static func parameters(after: Int64, upTo: Int64 = .max, parts: [Int], limit: Int) -> Parameters {
        Parameters {
            $0.add(after)
            $0.add(upTo)
            $0.add(parts: parts)
            $0.add(Int64(limit))
        }
    }

    /// - Parameters: what was asked for, so that the answer knows where it ends.
    public static func answer(_ rows: Rows, upTo: Int64 = .max, limit: Int, cache: inout TextCache) -> Answer {
        let isEmpty = rows.isNull(0, 2)
        let events = isEmpty ? [] : (0..<rows.count).map { StoredEvent(rows, $0, &cache) }
        let head = rows.int64(0, 0)
        let readTo = events.count == limit ? events[limit - 1].pos : min(upTo, head - 1)
        return Answer(events: events, nextPos: head, configVersion: rows.int64(0, 1), readTo: readTo)
    }

    public struct Answer: Sendable {
        public var events: [StoredEvent]
        /// The position of the event that comes next.
        public var nextPos: Int64
        public var configVersion: Int64
        /// Every row of the parts up to here is in the answer.
        public var readTo: Int64
    }
}

/// A row of the feed as the fan-out needs it.
public struct StoredEvent: Sendable, Equatable {
    public var pos: Int64
    public var part: Int
    public var id: EventID
    public var tenant: TenantID
    public var type: String
    public var onlyEndpoint: EndpointID?
    public var exceptEndpoint: EndpointID?
    public var recordedAt: Timestamp
    /// Nil unless asked for.
    public var envelope: [UInt8]?
    public var trace: EventTrace?

    fileprivate init(_ rows: Rows, _ row: Int, _ cache: inout TextCache) {
        pos = rows.int64(row, 2)
        part = rows.int(row, 3)
        id = rows.identifier(row, 4)
        tenant = rows.tenant(row, 5, &cache)
        type = rows.withBytes(row, 6) { cache.text($0) }
        onlyEndpoint = rows.isNull(row, 7) ? nil : rows.identifier(row, 7)
        exceptEndpoint = rows.isNull(row, 8) ? nil : rows.identifier(row, 8)
        recordedAt = rows.timestamp(row, 9)
        trace = rows.trace(row, 10)
        envelope = rows.columnCount > 11 ? rows.bytes(row, 11) : nil
    }
}

extension Rows {
    func trace(_ row: Int, _ column: Int) -> EventTrace? {
        isNull(row, column) ? nil : withBytes(row, column) { EventTrace($0) }
    }

    func tenant(_ row: Int, _ column: Int, _ cache: inout TextCache) -> TenantID {
        guard let tenant = withBytes(row, column, { cache.tenant($0) }) else {
            preconditionFailure("\(columnName(column)) holds tenants' ids only")
        }
        return tenant
    }
}
