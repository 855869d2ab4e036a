public import Database
public import EventModel

/// A stretch of a tenant's feed as one webhook sees it.
public struct WebhookWindow: Sendable {
    public struct Item: Sendable {
        public var pos: Int64
        public var event: EventID
        public var type: String
        public var recordedAt: Timestamp
        public var except: EndpointID?
    }

    public var items: [Item]
    public var head: FeedHead
    /// Everything up to here is in the stretch.
    public var edge: Int64
    public var hasMore: Bool
}

/// An event of a list, and the newest attempt at it.
public struct Unacknowledged: Sendable {
    /// Its place in the list.
    public var index: Int
    /// Nil: none has ended yet.
    public var last: AuditRow?
}

/// What the feed has and an endpoint has not acknowledged.
public struct UndeliveredQueries: Sendable {
    private let database: any StatementExecutor
    private let scan: Int

    /// - Parameter scan: Rows of the feed that one request looks through.
    public init(_ database: any StatementExecutor, scan: Int = 1_000) {
        self.database = database
        self.scan = scan
    }

    private static let window = Statement(
        "undelivered.window",
        """
        select o_pos, o_event, o_type, o_recorded, o_except, o_edge, o_more, o_next, o_oldest, o_epoch
        from fanfare.webhook_window_v1($1, $2, $3, $4, $5)
        """)
    // The one in force at the beginning, and those that began within.
    private static let revisions = Statement(
        "undelivered.revisions",
        """
        select version, from_pos, status, events, filter from fanfare.webhook_revisions
        where webhook_id = $1 and from_pos <= $3 and coalesce(to_pos, $3 + 1) > $2 order by version
        """)
    private static let open = Statement(
        "undelivered.open",
        """
        select (o_row).seq, o_ord, null::boolean, \(AuditQueries.columns(of: "o_row"))
        from fanfare.unacknowledged_v1($1, $2, $3, $4, $5)
        """)

    /// What lies behind `after`, or from `since` on; never what is older than the webhook, the feed, or the audit.
    public func window(
        _ endpoint: EndpointID, tenant: TenantID, after: Int64?, since: Timestamp?
    ) async throws(DatabaseError) -> WebhookWindow {
        let rows = try await database.execute(
            Self.window,
            Parameters {
                $0.add(tenant.text)
                $0.add(endpoint.description)
                $0.add(after)
                $0.add(since)
                $0.add(Int32(clamping: scan))
            })
        let last = rows.count - 1
        let items = (0..<last).map {
            WebhookWindow.Item(
                pos: rows.int64($0, 0), event: rows.identifier($0, 1), type: rows.text($0, 2),
                recordedAt: rows.timestamp($0, 3), except: rows.optionalIdentifier($0, 4))
        }
        let hasMore = rows.bool(last, 6)
        return WebhookWindow(
            items: items,
            head: FeedHead(
                epoch: UInt32(bitPattern: rows.int32(last, 9)), oldest: rows.int64(last, 8), next: rows.int64(last, 7)),
            edge: hasMore ? items.last?.pos ?? rows.int64(last, 5) : rows.int64(last, 5), hasMore: hasMore)
    }

    /// The webhook's revisions that were in force somewhere in a stretch, in order of version.
    public func revisions(
        of endpoint: EndpointID, in stretch: ClosedRange<Int64>
    ) async throws(DatabaseError) -> [TracedWebhook.Revision] {
        let rows = try await database.execute(
            Self.revisions,
            Parameters {
                $0.add(endpoint.description)
                $0.add(stretch.lowerBound)
                $0.add(stretch.upperBound)
            })
        return (0..<rows.count).map {
            TracedWebhook.Revision(
                version: rows.int64($0, 0), fromPos: rows.int64($0, 1),
                status: WebhookRevision.Status(rawValue: rows.text($0, 2)) ?? .disabled,
                events: rows.textArray($0, 3), filter: rows.optionalText($0, 4))
        }
    }

    /// The first `limit` of some events that the endpoint has not acknowledged, whatever they were sent for.
    public func unacknowledged(
        _ events: [EventID], by endpoint: EndpointID, tenant: TenantID, limit: Int
    ) async throws(DatabaseError) -> [Unacknowledged] {
        guard !events.isEmpty else { return [] }
        let rows = try await database.execute(
            Self.open,
            Parameters {
                $0.add(tenant.text)
                $0.add(endpoint.description)
                $0.add(texts: events.map(\.description))
                $0.add(texts: events.map { DeliveryID(event: $0, endpoint: endpoint, cause: .live).description })
                $0.add(Int32(clamping: limit))
            })
        return (0..<rows.count).map {
            Unacknowledged(
                index: Int(rows.int32($0, 1)) - 1, last: rows.isNull($0, 0) ? nil : AuditQueries.row(rows, $0))
        }
    }
}
