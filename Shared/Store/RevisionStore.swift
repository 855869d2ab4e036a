public import Database
public import EventModel

/// Reads the revisions of webhooks, roles, triggers and spans by version, for the processes that keep them in memory.
public struct RevisionStore: Sendable {
    private let pool: ConnectionPool

    public init(pool: ConnectionPool) {
        self.pool = pool
    }

    /// What has changed since a version.
    public struct Changes: Sendable {
        /// The configuration version of the snapshot: nothing newer was visible.
        public var version: Int64
        /// In order of version.
        public var revisions: [WebhookRevision]
        /// In order of version.
        public var roles: [RoleRevision] = []
        /// In order of version.
        public var triggers: [TriggerRevision] = []
        /// In order of the version of their last change.
        public var spans: [FeedSpan] = []
    }

    // The first load leaves out what ended before anything that still waits for its fan-out.
    private static let load = Statement(
        "revisions_since",
        """
        select h.config_version, r.version, r.webhook_id, r.tenant_id, r.from_pos, r.to_pos, r.status, r.url, r.events,
            r.timeout_s, r.schedule, r.secrets, r.filter, r.equipment, r.rate_per_s, r.max_in_flight
        from fanfare.feed_head h left join fanfare.webhook_revisions r
            on r.version > $1 and r.version <= h.config_version
            and ($1 > 0 or (coalesce(r.to_pos, case when r.status = 'deleted' then r.from_pos end) is null
                or coalesce(r.to_pos, r.from_pos)
                    > (select coalesce(min(p.fanned), 0) from fanfare.progress p where p.topic = 'events')))
        where h.shard = 0 order by r.version
        """)

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

    // Versions are given out under the feed's head lock, so a later statement sees all up to the one that was read first.
    private static let roles = Statement(
        "role_revisions_since",
        """
        select r.version, r.tenant_id, r.workspace_id, r.role, r.agent_id, r.from_pos, r.to_pos
        from fanfare.role_revisions r
        where r.version > $1 and r.version <= $2
            and ($1 > 0 or (coalesce(r.to_pos, case when r.agent_id is null then r.from_pos end) is null
                or coalesce(r.to_pos, r.from_pos)
                    > (select coalesce(min(p.fanned), 0) from fanfare.progress p where p.topic = 'events')))
        order by r.version
        """)

    /// - Parameter version: What the caller has; 0 for everything that still matters.
    public func changes(since version: Int64) async throws(DatabaseError) -> Changes {
        var parameters = Parameters()
        parameters.add(version)
        let rows = try await pool.execute(Self.load, parameters)
        var changes = Changes(version: version, revisions: [])
        changes.revisions.reserveCapacity(rows.count)
        for row in 0..<rows.count {
            changes.version = rows.int64(row, 0)
            guard !rows.isNull(row, 1), let revision = Self.revision(rows, row) else { continue }
            changes.revisions.append(revision)
        }
        if changes.version > version {
            changes.roles = try await roles(since: version, upTo: changes.version)
            changes.triggers = try await triggers(since: version, upTo: changes.version)
            changes.spans = try await spans(since: version, upTo: changes.version)
        }
        return changes
    }

    private func roles(since version: Int64, upTo last: Int64) async throws(DatabaseError) -> [RoleRevision] {
        let rows = try await pool.execute(
            Self.roles,
            Parameters {
                $0.add(version)
                $0.add(last)
            })
        return (0..<rows.count).map { row in
            RoleRevision(
                version: rows.int64(row, 0), tenant: rows.tenant(row, 1), workspace: rows.identifier(row, 2),
                role: rows.text(row, 3), agent: rows.optionalText(row, 4), fromPos: rows.int64(row, 5),
                toPos: rows.optionalInt64(row, 6))
        }
    }

    private static let spans = Statement(
        "spans_since",
        """
        select cursor_id, endpoint_id, from_pos, to_pos from fanfare.spans where version > $1 and version <= $2
        order by version, from_pos
        """)

    private func spans(since version: Int64, upTo last: Int64) async throws(DatabaseError) -> [FeedSpan] {
        let rows = try await pool.execute(
            Self.spans,
            Parameters {
                $0.add(version)
                $0.add(last)
            })
        return (0..<rows.count).map { row in
            FeedSpan(
                cursor: rows.identifier(row, 0), endpoint: rows.identifier(row, 1), from: rows.int64(row, 2),
                to: rows.optionalInt64(row, 3))
        }
    }

    private static let triggers = Statement(
        "trigger_revisions_since",
        """
        select r.version, r.trigger_id, r.tenant_id, r.document, r.from_pos, r.to_pos
        from fanfare.trigger_revisions r
        where r.version > $1 and r.version <= $2
            and ($1 > 0 or (coalesce(r.to_pos, case when r.document is null then r.from_pos end) is null
                or coalesce(r.to_pos, r.from_pos)
                    > (select coalesce(min(p.fanned), 0) from fanfare.progress p where p.topic = 'events')))
        order by r.version
        """)

    private func triggers(since version: Int64, upTo last: Int64) async throws(DatabaseError) -> [TriggerRevision] {
        let rows = try await pool.execute(
            Self.triggers,
            Parameters {
                $0.add(version)
                $0.add(last)
            })
        return (0..<rows.count).map { row in
            TriggerRevision(
                version: rows.int64(row, 0), trigger: rows.identifier(row, 1), tenant: rows.tenant(row, 2),
                document: rows.optionalText(row, 3).map { Array($0.utf8) }, fromPos: rows.int64(row, 4),
                toPos: rows.optionalInt64(row, 5))
        }
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
