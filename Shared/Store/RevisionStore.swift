public import Database
public import EventModel

/// Reads the revisions of webhooks, roles, triggers and spans by version, for the processes that keep them in memory.
public struct RevisionStore: Sendable {
    private let pool: ConnectionPool

    public init(pool: ConnectionPool) {
        self.pool = pool
    }

    /// What has changed since a version, or a page of it.
    public struct Changes: Sendable {
        /// The configuration version of the snapshot: nothing newer was visible.
        public var version: Int64
        /// In order of version.
        public var revisions: [WebhookRevision]
        /// In order of version.
        public var roles: [RoleRevision]
        /// In order of version.
        public var triggers: [TriggerRevision]
        /// In order of the version of their last change.
        public var spans: [FeedSpan]
        /// The first page of all that matters: what is in none of its pages matters no more.
        public var isFirstOfAll: Bool
        /// Nothing up to `version` is missing any more.
        public var isLast: Bool

        public init(
            version: Int64, revisions: [WebhookRevision] = [], roles: [RoleRevision] = [],
            triggers: [TriggerRevision] = [], spans: [FeedSpan] = [], isFirstOfAll: Bool = false, isLast: Bool = true
        ) {
            self.version = version
            self.revisions = revisions
            self.roles = roles
            self.triggers = triggers
            self.spans = spans
            self.isFirstOfAll = isFirstOfAll
            self.isLast = isLast
        }
    }

    /// Rows of one answer.
    public static let page = 1_000
    /// A database that was restored or failed over moves its versions on by twice as much: what was known of it may not be
    /// in it any more, and what was forgotten may matter again.
    private static let leap: Int64 = 1 << 39

    private static let head = Statement(
        "revisions_head",
        """
        select config_version, (select coalesce(min(p.fanned), 0) from fanfare.progress p where p.topic = 'events')
        from fanfare.feed_head where shard = 0
        """)

    /// Where the fan-out of the events partition stands that is furthest behind: no position up to here is matched again.
    public func lowestFanned() async throws(DatabaseError) -> Int64 {
        try await pool.execute(Self.head).int64(0, 1)
    }

    /// What one reading asks for. Versions are given out under the feed's head lock, so that statements behind the one that
    /// reads the head see all of them up to the head's.
    private struct Reading {
        var since: Int64
        var upTo: Int64
        /// Everything, but what ended before anything that still waits for its fan-out.
        var isAll: Bool
        var fanned: Int64
        var limit: Int

        /// - Parameter key: of the last row of the page before; the first part is its version.
        func parameters(after version: Int64?, _ key: String...) -> Parameters {
            Parameters {
                $0.add(version ?? since)
                $0.add(upTo)
                $0.add(isAll)
                $0.add(fanned)
                $0.add(limit)
                $0.add(since)
                for part in key { $0.add(part) }
            }
        }
    }

    /// Gives what has changed since a version to `body`, a page at a time; nothing if nothing has.
    ///
    /// - Parameter version: What the caller has; 0 for everything that still matters.
    /// - Returns: The version up to which everything was given.
    public func read(
        since version: Int64, limit: Int = page, _ body: (Changes) -> Void
    ) async throws(DatabaseError) -> Int64 {
        let head = try await pool.execute(Self.head)
        let last = head.int64(0, 0)
        guard last > version else { return last }
        let isAll = version == 0 || last - version > Self.leap
        let reading = Reading(
            since: isAll ? 0 : version, upTo: last, isAll: isAll, fanned: head.int64(0, 1), limit: limit)
        var isFirst = isAll
        func give(_ fill: (inout Changes) -> Void) {
            var changes = Changes(version: last, isFirstOfAll: isFirst, isLast: false)
            isFirst = false
            fill(&changes)
            body(changes)
        }
        try await webhooks(reading) { page in give { $0.revisions = page } }
        try await roles(reading) { page in give { $0.roles = page } }
        try await triggers(reading) { page in give { $0.triggers = page } }
        try await spans(reading) { page in give { $0.spans = page } }
        body(Changes(version: last, isFirstOfAll: isFirst))
        return last
    }

    /// All of it in one piece.
    ///
    /// - Parameter version: What the caller has; 0 for everything that still matters.
    public func changes(since version: Int64) async throws(DatabaseError) -> Changes {
        var all = Changes(version: version)
        all.version = try await read(since: version) { page in
            all.revisions += page.revisions
            all.roles += page.roles
            all.triggers += page.triggers
            all.spans += page.spans
            all.isFirstOfAll = all.isFirstOfAll || page.isFirstOfAll
        }
        return all
    }

    /// Asks for pages until one is not full.
    ///
    /// - Parameter next: The parameters of the page behind a row.
    private func pages<Row>(
        _ statement: Statement, _ reading: Reading, first: Parameters, next: (Rows, Int) -> Parameters,
        row: (Rows, Int) -> Row?, _ body: ([Row]) -> Void
    ) async throws(DatabaseError) {
        var parameters = first
        while true {
            let rows = try await pool.execute(statement, parameters)
            if !rows.isEmpty { body((0..<rows.count).compactMap { row(rows, $0) }) }
            guard rows.count == reading.limit else { return }
            parameters = next(rows, rows.count - 1)
        }
    }

    private static let load = Statement(
        "revisions_since",
        """
        select 0::bigint, r.version, r.webhook_id, r.tenant_id, r.from_pos, r.to_pos, r.status, r.url, r.events,
            r.timeout_s, r.schedule, r.secrets, r.filter, r.equipment, r.rate_per_s, r.max_in_flight
        from fanfare.webhook_revisions r
        where r.version > $1 and r.version <= $2
            and (not $3 or coalesce(r.to_pos, case when r.status = 'deleted' then r.from_pos end) is null
                or coalesce(r.to_pos, r.from_pos) > $4)
        order by r.version limit $5
        """)

    private func webhooks(
        _ reading: Reading, _ body: ([WebhookRevision]) -> Void
    ) async throws(DatabaseError) {
        try await pages(
            Self.load, reading, first: reading.parameters(after: nil),
            next: { reading.parameters(after: $0.int64($1, 1)) }, row: { Self.revision($0, $1) }, body)
    }

    private static let history = Statement(
        "revisions_of",
        """
        select 0::bigint, r.version, r.webhook_id, r.tenant_id, r.from_pos, r.to_pos, r.status, r.url, r.events,
            r.timeout_s, r.schedule, r.secrets, r.filter, r.equipment, r.rate_per_s, r.max_in_flight
        from fanfare.webhook_revisions r
        where r.webhook_id = $1 and (r.to_pos is null or r.to_pos > $2) order by r.version
        """)

    /// A webhook's revisions that were in force at or behind a position, in order of version.
    public func history(of endpoint: EndpointID, from pos: Int64) async throws(DatabaseError) -> [WebhookRevision] {
        let rows = try await pool.execute(
            Self.history,
            Parameters {
                $0.add(endpoint.description)
                $0.add(pos)
            })
        return (0..<rows.count).compactMap { Self.revision(rows, $0) }
    }

    // A change of many at once, such as the end of a tenant, has one version.
    private static let roles = Statement(
        "role_revisions_since",
        """
        select r.version, r.tenant_id, r.workspace_id, r.role, r.agent_id, r.from_pos, r.to_pos
        from fanfare.role_revisions r
        where (r.version, r.workspace_id, r.role) > ($1, $7, $8) and r.version > $6 and r.version <= $2
            and (not $3 or coalesce(r.to_pos, case when r.agent_id is null then r.from_pos end) is null
                or coalesce(r.to_pos, r.from_pos) > $4)
        order by r.version, r.workspace_id, r.role limit $5
        """)

    private func roles(_ reading: Reading, _ body: ([RoleRevision]) -> Void) async throws(DatabaseError) {
        try await pages(
            Self.roles, reading, first: reading.parameters(after: nil, "", ""),
            next: { reading.parameters(after: $0.int64($1, 0), $0.text($1, 2), $0.text($1, 3)) },
            row: { rows, row in
                RoleRevision(
                    version: rows.int64(row, 0), tenant: rows.tenant(row, 1), workspace: rows.identifier(row, 2),
                    role: rows.text(row, 3), agent: rows.optionalText(row, 4), fromPos: rows.int64(row, 5),
                    toPos: rows.optionalInt64(row, 6))
            }, body)
    }

    private static let triggers = Statement(
        "trigger_revisions_since",
        """
        select r.version, r.trigger_id, r.tenant_id, r.document, r.from_pos, r.to_pos
        from fanfare.trigger_revisions r
        where (r.version, r.trigger_id) > ($1, $7) and r.version > $6 and r.version <= $2
            and (not $3 or coalesce(r.to_pos, case when r.document is null then r.from_pos end) is null
                or coalesce(r.to_pos, r.from_pos) > $4)
        order by r.version, r.trigger_id limit $5
        """)

    private func triggers(_ reading: Reading, _ body: ([TriggerRevision]) -> Void) async throws(DatabaseError) {
        try await pages(
            Self.triggers, reading, first: reading.parameters(after: nil, ""),
            next: { reading.parameters(after: $0.int64($1, 0), $0.text($1, 1)) },
            row: { rows, row in
                TriggerRevision(
                    version: rows.int64(row, 0), trigger: rows.identifier(row, 1), tenant: rows.tenant(row, 2),
                    document: rows.optionalText(row, 3).map { Array($0.utf8) }, fromPos: rows.int64(row, 4),
                    toPos: rows.optionalInt64(row, 5))
            }, body)
    }
    private static let spans = Statement(
        "spans_since",
        """
        select cursor_id, endpoint_id, from_pos, to_pos, version from fanfare.spans
        where (version, cursor_id) > ($1, $7) and version > $6 and version <= $2
        order by version, cursor_id limit $5
        """)

    private func spans(_ reading: Reading, _ body: ([FeedSpan]) -> Void) async throws(DatabaseError) {
        try await pages(
            Self.spans, reading, first: reading.parameters(after: nil, ""),
            next: { reading.parameters(after: $0.int64($1, 4), $0.text($1, 0)) },
            row: { rows, row in
                FeedSpan(
                    cursor: rows.identifier(row, 0), endpoint: rows.identifier(row, 1), from: rows.int64(row, 2),
                    to: rows.optionalInt64(row, 3))
            }, body)
    }

    private static func revision(_ rows: Rows, _ row: Int) -> WebhookRevision? {
        guard let endpoint = EndpointID(rows.text(row, 2)), let tenant = TenantID(rows.text(row, 3)),
            let status = WebhookRevision.Status(rawValue: rows.text(row, 6))
        else { return nil }
        return WebhookRevision(
            version: rows.int64(row, 1), endpoint: endpoint, tenant: tenant, fromPos: rows.int64(row, 4),
            toPos: rows.optionalInt64(row, 5), status: status, url: rows.text(row, 7), events: rows.textArray(row, 8),
            timeout: rows.optionalInt32(row, 9).map(Int.init),
            schedule: rows.isNull(row, 10) ? nil : rows.int32Array(row, 10).map(Int.init),
            sealedSecrets: rows.textArray(row, 11), filter: rows.optionalText(row, 12),
            equipment: rows.optionalText(row, 13),
            limits: EndpointLimits(
                ratePerSecond: rows.optionalDouble(row, 14), inFlight: rows.optionalInt32(row, 15).map(Int.init)))
    }
}
