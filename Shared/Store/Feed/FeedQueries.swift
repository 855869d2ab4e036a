public import Database
public import EventModel

/// Where the feed begins and ends.
public struct FeedHead: Sendable, Hashable {
    /// The incarnation of the feed: rises when a database is restored elsewhere.
    public var epoch: UInt32
    /// The first position that is still kept.
    public var oldest: Int64
    /// The position that the next event gets.
    public var next: Int64
}

/// Which part of a tenant's feed is asked for.
public struct FeedFilter: Sendable, Hashable {
    public var tenant: TenantID
    /// Types, each with its family; nil: all.
    public var families: [EventType]?
    public var smith: String?
    /// Stored at or after this.
    public var since: Timestamp?
    /// Stored before this.
    public var until: Timestamp?

    public init(
        tenant: TenantID, families: [EventType]? = nil, smith: String? = nil, since: Timestamp? = nil,
        until: Timestamp? = nil
    ) {
        self.tenant = tenant
        self.families = families
        self.smith = smith
        self.since = since
        self.until = until
    }
}

/// How much one page may hold, and cost.
public struct PageLimits: Sendable, Hashable {
    public var events: Int
    /// Bytes of envelopes; a page has at least one event.
    public var bytes: Int
    /// Rows that one statement looks through for rare types.
    public var scan: Int

    public init(events: Int, bytes: Int = 8 << 20, scan: Int = 20_000) {
        self.events = events
        self.bytes = bytes
        self.scan = scan
    }
}

/// Some events of a tenant, in order.
public struct FeedPage: Sendable {
    public struct Item: Sendable {
        public var pos: Int64
        public var recordedAt: Timestamp
        public var envelope: [UInt8]
    }

    public var items: [Item]
    public var head: FeedHead
    /// Everything up to here (ascending) or down to here (descending) has been looked at.
    public var edge: Int64
    /// There may be more beyond the edge.
    public var hasMore: Bool
}

/// One stored event.
public struct FeedEvent: Sendable {
    public var row: EventRow
    public var envelope: [UInt8]

    /// What a delivery of it needs to know.
    public struct EventRow: Sendable, Hashable {
        public var pos: Int64
        public var part: Int
        public var id: EventID
        public var tenant: TenantID
        public var type: String
        public var onlyEndpoint: EndpointID?
        public var exceptEndpoint: EndpointID?
        public var recordedAt: Timestamp
    }
}

/// What readers of the feed ask for.
public struct FeedQueries: Sendable {
    private let database: any StatementExecutor

    public init(_ database: any StatementExecutor) {
        self.database = database
    }

    private static let page = Statement(
        "feed.page",
        """
        select o_pos, o_recorded, o_envelope, o_next, o_oldest, o_epoch, o_edge, o_more
        from fanfare.feed_page_v1($1, $2, $3, $4, case when $5 then $6 end, $7, $8, $9, $10, $11)
        """)
    private static let head = Statement(
        "feed.head", "select epoch, oldest_pos, next_pos, config_version from fanfare.feed_head where shard = 0")
    private static let event = Statement(
        "feed.event",
        """
        select o_pos, o_part, o_event, o_tenant, o_type, o_only, o_except, o_recorded, o_envelope
        from fanfare.find_event_v1($1, $2)
        """)

    /// A page behind (or, descending, before) `after`; all of it, the head included, from one snapshot.
    public func page(
        _ filter: FeedFilter, after: Int64?, descending: Bool, limits: PageLimits
    ) async throws(DatabaseError) -> FeedPage {
        let rows = try await database.execute(
            Self.page,
            Parameters {
                $0.add(filter.tenant.text)
                $0.add(after)
                $0.add(filter.since)
                $0.add(filter.until)
                $0.add(filter.families != nil)
                $0.add(texts: filter.families?.map(\.text) ?? [])
                $0.add(filter.smith)
                $0.add(Int32(clamping: limits.events))
                $0.add(Int64(limits.bytes))
                $0.add(Int32(clamping: limits.scan))
                $0.add(descending)
            })
        return FeedPage(
            items: (1..<rows.count).map {
                FeedPage.Item(pos: rows.int64($0, 0), recordedAt: rows.timestamp($0, 1), envelope: rows.bytes($0, 2))
            },
            head: FeedHead(
                epoch: UInt32(bitPattern: rows.int32(0, 5)), oldest: rows.int64(0, 4), next: rows.int64(0, 3)),
            edge: rows.int64(0, 6), hasMore: rows.bool(0, 7))
    }

    /// The head, and the configuration version in force there.
    public func head() async throws(DatabaseError) -> (head: FeedHead, configVersion: Int64) {
        let rows = try await database.execute(Self.head)
        return (
            FeedHead(epoch: UInt32(bitPattern: rows.int32(0, 0)), oldest: rows.int64(0, 1), next: rows.int64(0, 2)),
            rows.int64(0, 3)
        )
    }

    private static let envelopes = Statement(
        "feed.envelopes",
        """
        select pos, envelope from (
            select pos, envelope, sum(octet_length(envelope)) over (order by pos rows unbounded preceding) as weight
            from fanfare.events where pos = any ($1) and pos between $2 and $3
        ) weighed
        where weight - octet_length(envelope) < $4 order by pos
        """)

    /// The envelopes at some positions, lowest first, as far as `bytes` reach; the one that passes the bound still comes.
    ///
    /// - Parameter positions: In rising order.
    public func envelopes(
        at positions: ArraySlice<Int64>, bytes: Int
    ) async throws(DatabaseError) -> [(pos: Int64, envelope: [UInt8])] {
        guard let first = positions.first, let last = positions.last else { return [] }
        let rows = try await database.execute(
            Self.envelopes,
            Parameters {
                $0.add(int64s: Array(positions))
                $0.add(first)
                $0.add(last)
                $0.add(Int64(bytes))
            })
        return (0..<rows.count).map { (rows.int64($0, 0), rows.bytes($0, 1)) }
    }

    /// The event of that id, or the one that was stored in its place because both had the same key.
    ///
    /// - Returns: nil when there is none of this tenant.
    public func event(_ id: EventID, tenant: TenantID) async throws(DatabaseError) -> FeedEvent? {
        let rows = try await database.execute(
            Self.event,
            Parameters {
                $0.add(id.description)
                // Any time that an id can hold is one that Postgres can: 48 bits of milliseconds end in the year 10889.
                $0.add(Timestamp(milliseconds: Int64(id.ulid.milliseconds)))
            })
        guard !rows.isEmpty, rows.tenant(0, 3) == tenant else { return nil }
        return FeedEvent(
            row: FeedEvent.EventRow(
                pos: rows.int64(0, 0), part: Int(rows.int32(0, 1)), id: rows.identifier(0, 2),
                tenant: rows.tenant(0, 3), type: rows.text(0, 4), onlyEndpoint: rows.optionalIdentifier(0, 5),
                exceptEndpoint: rows.optionalIdentifier(0, 6), recordedAt: rows.timestamp(0, 7)),
            envelope: rows.bytes(0, 8))
    }
}
