public import Database
public import EventModel

/// The feed of all tenants from a position on, for the one tailer of a process.
public struct FeedTail: Sendable {
    /// A row as it goes to many readers.
    public struct Item: Sendable {
        public var pos: Int64
        public var recordedAt: Timestamp
        public var tenant: TenantID
        public var type: String
        public var smith: String?
        public var envelope: [UInt8]

        public init(
            pos: Int64, recordedAt: Timestamp, tenant: TenantID, type: String, smith: String?, envelope: [UInt8]
        ) {
            self.pos = pos
            self.recordedAt = recordedAt
            self.tenant = tenant
            self.type = type
            self.smith = smith
            self.envelope = envelope
        }
    }

    public struct Batch: Sendable {
        public var items: [Item]
        public var head: FeedHead
        /// Everything up to here is in this batch or an earlier one.
        public var edge: Int64

        public init(items: [Item], head: FeedHead, edge: Int64) {
            self.items = items
            self.head = head
            self.edge = edge
        }
    }

    private let database: any StatementExecutor

    public init(_ database: any StatementExecutor) {
        self.database = database
    }

    private static let tail = Statement(
        "feed.tail",
        """
        select h.epoch, h.oldest_pos, h.next_pos, t.pos, t.recorded_at, t.tenant_id, t.type, t.smith_id, t.envelope
        from fanfare.feed_head h left join lateral (
            select s.* from (
                select e.pos, e.recorded_at, e.tenant_id, e.type, e.smith_id, e.envelope,
                    sum(octet_length(e.envelope)) over (order by e.pos rows unbounded preceding)
                        - octet_length(e.envelope) as before
                from (
                    select pos, recorded_at, tenant_id, type, smith_id, envelope from fanfare.events
                    where pos > $1 order by pos limit $2) e
            ) s where s.before < $3
        ) t on true
        where h.shard = 0 order by t.pos
        """)

    /// The rows behind `after`: at most `limit` of them, and no more once `bytes` are there.
    public func read(after: Int64, limit: Int, bytes: Int) async throws(DatabaseError) -> Batch {
        let rows = try await database.execute(
            Self.tail,
            Parameters {
                $0.add(after)
                $0.add(limit)
                $0.add(bytes)
            })
        let head = FeedHead(
            epoch: UInt32(bitPattern: rows.int32(0, 0)), oldest: rows.int64(0, 1), next: rows.int64(0, 2))
        guard !rows.isNull(0, 3) else { return Batch(items: [], head: head, edge: max(after, head.next - 1)) }
        let items = (0..<rows.count).map { row in
            Item(
                pos: rows.int64(row, 3), recordedAt: rows.timestamp(row, 4), tenant: rows.tenant(row, 5),
                type: rows.text(row, 6), smith: rows.optionalText(row, 7), envelope: rows.bytes(row, 8))
        }
        // A batch that was not filled may have been cut by its bytes: only its last row is certain.
        return Batch(items: items, head: head, edge: items.last?.pos ?? after)
    }
}
