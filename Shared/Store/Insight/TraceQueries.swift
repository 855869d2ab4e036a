public import Database
public import EventModel

/// A webhook as it was in force when an event was stored.
public struct TracedWebhook: Sendable {
    public var endpoint: EndpointID
    /// Nil: it was made later.
    public var revision: Revision?
    public var url: String
    /// `deleted` where it is no more.
    public var statusNow: String

    /// What of a revision decides about matching.
    public struct Revision: Sendable {
        public var version: Int64
        public var fromPos: Int64
        public var status: WebhookRevision.Status
        /// Patterns; empty: everything.
        public var events: [String]
        /// A condition on the envelope; nil: none.
        public var filter: String?
    }
}

/// A span that covers an event: the endpoint gets it from a cursor on the feed, not through its lane.
public struct TracedSpan: Sendable, Hashable {
    public var cursor: CursorID
    public var from: Int64
    /// The last position; nil while the span is open.
    public var until: Int64?
    /// Everything up to here is settled.
    public var pos: Int64
    /// It goes on reading.
    public var isActive: Bool
}

/// What is known of an event's way: who could have got it, and what was sent.
public struct TraceQueries: Sendable {
    private let database: any StatementExecutor
    /// Rows that are looked at of what was sent of one event, beside its live deliveries.
    private static let attemptLimit = 2_000

    public init(_ database: any StatementExecutor) {
        self.database = database
    }

    private static let fanned = Statement(
        "trace.fanned", "select fanned from fanfare.progress where topic = 'events' and part = $1")
    private static let webhooks = Statement(
        "trace.webhooks",
        """
        select o_webhook, o_version, o_from, o_status, o_url, o_events, o_filter, o_now
        from fanfare.trace_webhooks_v1($1, $2, $3, $4)
        """)
    private static let attempts = Statement(
        "trace.attempts",
        """
        select (o_row).seq, o_cut, null::boolean, \(AuditQueries.columns(of: "o_row"))
        from fanfare.event_attempts_v1($1, $2, $3, $4, $5)
        """)

    // The first span of an endpoint that ends behind the position is the only one that can cover it, unless one is open.
    private static let spans = Statement(
        "trace.spans",
        """
        select s.endpoint_id, s.cursor_id, s.from_pos, s.to_pos - 1, coalesce(c.pos, s.to_pos - 1, s.from_pos - 1),
            coalesce(c.state = 'active', false)
        from unnest($1) as e(id)
        cross join lateral (
            (select x.* from fanfare.spans x where x.endpoint_id = e.id and x.to_pos > $2 order by x.to_pos limit 1)
            union all
            (select x.* from fanfare.spans x where x.endpoint_id = e.id and x.to_pos is null)
        ) s
        left join fanfare.cursors c on c.id = s.cursor_id
        where s.from_pos <= $2
        """)

    /// Which of some endpoints get the event at a position from a cursor, since they could not keep up.
    public func spans(
        covering pos: Int64, of endpoints: [EndpointID]
    ) async throws(DatabaseError) -> [EndpointID: TracedSpan] {
        let rows = try await database.execute(
            Self.spans,
            Parameters {
                $0.add(texts: endpoints.map(\.description))
                $0.add(pos)
            })
        var spans: [EndpointID: TracedSpan] = [:]
        for row in 0..<rows.count {
            spans[rows.identifier(row, 0)] = TracedSpan(
                cursor: rows.identifier(row, 1), from: rows.int64(row, 2), until: rows.optionalInt64(row, 3),
                pos: rows.int64(row, 4), isActive: rows.bool(row, 5))
        }
        return spans
    }

    /// Whether the feed up to an event was matched against the webhooks.
    public func isFannedOut(_ event: FeedEvent.EventRow) async throws(DatabaseError) -> Bool {
        let rows = try await database.execute(Self.fanned, Parameters { $0.add(Int32(event.part)) })
        return !rows.isEmpty && rows.int64(0, 0) >= event.pos
    }

    /// The tenant's webhooks in order of their ids, deleted ones too, as they were at `pos`.
    public func webhooks(
        tenant: TenantID, at pos: Int64, after: String?, limit: Int
    ) async throws(DatabaseError) -> Page<TracedWebhook> {
        let rows = try await database.execute(
            Self.webhooks,
            Parameters {
                $0.add(tenant.text)
                $0.add(pos)
                $0.add(after ?? "")
                $0.add(Int32(clamping: limit + 1))
            })
        return Page((0..<rows.count).map { Self.webhook(rows, $0) }, limit: limit)
    }

    /// Attempts of an event at some webhooks, in order.
    ///
    /// - Returns: `isComplete` is false where more was sent of the event than one request looks through; attempts of live
    ///   deliveries are there all the same.
    public func attempts(
        of event: EventID, tenant: TenantID, at endpoints: [EndpointID]
    ) async throws(DatabaseError) -> (rows: [AuditRow], isComplete: Bool) {
        let rows = try await database.execute(
            Self.attempts,
            Parameters {
                $0.add(tenant.text)
                $0.add(event.description)
                $0.add(texts: endpoints.map(\.description))
                $0.add(
                    texts: endpoints.map { DeliveryID(event: event, endpoint: $0, cause: .live).description })
                $0.add(Int32(Self.attemptLimit))
            })
        return ((1..<rows.count).map { AuditQueries.row(rows, $0) }, !rows.bool(0, 1))
    }

    private static func webhook(_ rows: Rows, _ row: Int) -> TracedWebhook {
        var revision: TracedWebhook.Revision?
        if let version = rows.optionalInt64(row, 1) {
            revision = TracedWebhook.Revision(
                version: version, fromPos: rows.int64(row, 2),
                // Another status would be a later release's; it is one that gets nothing.
                status: WebhookRevision.Status(rawValue: rows.text(row, 3)) ?? .disabled,
                events: rows.textArray(row, 5), filter: rows.optionalText(row, 6))
        }
        return TracedWebhook(
            endpoint: rows.identifier(row, 0), revision: revision, url: rows.text(row, 4), statusNow: rows.text(row, 7))
    }
}
