public import Database
public import EventModel

/// Integrations of tenants. Each change has a version of its own, by which the doors follow: see `changes(since:)`.
public struct IntegrationStore: Sendable {
    private let database: any StatementExecutor

    public init(_ database: any StatementExecutor) {
        self.database = database
    }

    /// Sets of secrets that an integration has at most; the oldest go.
    private static let mostSets: Int32 = 4

    /// Doors of triggers are integrations too; they are managed with their triggers.
    private static let isNoDoor = "not starts_with(channel, '\(TriggerStore.channelPrefix)')"

    private static let insert = Statement(
        "integration.insert",
        """
        insert into fanfare.integrations (id, tenant_id, channel, name, config, is_active, secrets, secret_ids,
            secret_made, version)
        values ($1, $2, $3, $4, $5, $6, array[$7], array[$8], array[now()], 0)
        returning \(StoredIntegration.columns)
        """)
    private static let one = Statement(
        "integration.one",
        "select \(StoredIntegration.columns) from fanfare.integrations where tenant_id = $1 and id = $2 and \(isNoDoor)"
    )
    private static let list = Statement(
        "integration.list",
        """
        select \(StoredIntegration.columns) from fanfare.integrations
        where tenant_id = $1 and id > $2 and ($4::text is null or channel = $4) and \(isNoDoor) order by id limit $3
        """)
    private static let change = Statement(
        "integration.change",
        """
        update fanfare.integrations set name = coalesce($3, name), config = coalesce($4, config),
            is_active = coalesce($5, is_active),
            secrets = case when $6::text is null then secrets else array[$6] end,
            secret_ids = case when $6::text is null then secret_ids else array[$7] end,
            secret_made = case when $6::text is null then secret_made else array[now()] end,
            secret_until = case when $6::text is null then secret_until else '{}' end
        where tenant_id = $1 and id = $2 and \(isNoDoor) returning \(StoredIntegration.columns)
        """)
    private static let rotate = Statement(
        "integration.rotate",
        """
        select \(StoredIntegration.columns)
        from fanfare.rotate_integration_v1($1, $2, $3, $4, make_interval(secs => $5), $6)
        """)
    private static let remove = Statement(
        "integration.delete", "delete from fanfare.integrations where tenant_id = $1 and id = $2 and \(isNoDoor)")
    private static let changed = Statement(
        "integration.changed",
        // A limit for each half: without them Postgres sorts all that is newer, with parallel workers, for a row.
        """
        select * from (
            (select version as at, \(StoredIntegration.columns), null::text as ended
            from fanfare.integrations where version > $1 order by version limit $2)
            union all
            (select version, integration_id, null, null, null, null, null, null, null, null, null, null, null, null,
                integration_id
            from fanfare.integration_ends where version > $1 and $1 > 0 order by version limit $2)
        ) changes order by at limit $2
        """)

    /// - Returns: nil when there is no such tenant.
    public func create(
        _ integration: NewIntegration, now: Timestamp
    ) async throws(DatabaseError) -> StoredIntegration? {
        let parameters = Parameters {
            $0.add(integration.id.description)
            $0.add(integration.tenant.text)
            $0.add(integration.channel)
            $0.add(integration.name)
            $0.add(utf8: integration.config)
            $0.add(integration.isActive)
            $0.add(integration.sealedSecrets)
            $0.add(Self.secretID(at: now))
        }
        do throws(DatabaseError) {
            return StoredIntegration(try await database.execute(Self.insert, parameters), 0)
        } catch  where error.isMissingTenant {
            return nil
        }
    }

    public func find(_ id: IntegrationID, tenant: TenantID) async throws(DatabaseError) -> StoredIntegration? {
        let rows = try await database.execute(Self.one, Self.key(tenant, id))
        return rows.isEmpty ? nil : StoredIntegration(rows, 0)
    }

    /// In order of their making.
    /// - Parameter channel: Only those of this channel; nil: all.
    public func list(
        tenant: TenantID, channel: String?, after: String?, limit: Int
    ) async throws(DatabaseError) -> Page<StoredIntegration> {
        let rows = try await database.execute(
            Self.list,
            Parameters {
                $0.add(tenant.text)
                $0.add(after ?? "")
                $0.add(limit + 1)
                $0.add(channel)
            })
        return Page((0..<rows.count).map { StoredIntegration(rows, $0) }, limit: limit)
    }

    /// - Returns: the integration as it is now; nil when the tenant has no such one.
    public func update(
        _ id: IntegrationID, tenant: TenantID, _ change: IntegrationChange, now: Timestamp
    ) async throws(DatabaseError) -> StoredIntegration? {
        var parameters = Self.key(tenant, id)
        parameters.add(change.name)
        parameters.add(utf8: change.config)
        parameters.add(change.isActive)
        parameters.add(change.sealedSecrets)
        parameters.add(Self.secretID(at: now))
        let rows = try await database.execute(Self.change, parameters)
        return rows.isEmpty ? nil : StoredIntegration(rows, 0)
    }

    /// Puts a new set of secrets in force; the one before it is taken for `overlap` longer.
    ///
    /// - Returns: the integration as it is now; nil when the tenant has no such one.
    public func rotate(
        _ id: IntegrationID, tenant: TenantID, sealedSecrets: String, overlap: Duration, now: Timestamp
    ) async throws(DatabaseError) -> StoredIntegration? {
        var parameters = Self.key(tenant, id)
        parameters.add(Self.secretID(at: now))
        parameters.add(sealedSecrets)
        parameters.add(interval: overlap)
        parameters.add(Self.mostSets)
        let rows = try await database.execute(Self.rotate, parameters)
        return rows.isEmpty ? nil : StoredIntegration(rows, 0)
    }

    /// - Returns: false when the tenant has no such integration.
    public func delete(_ id: IntegrationID, tenant: TenantID) async throws(DatabaseError) -> Bool {
        try await database.execute(Self.remove, Self.key(tenant, id)).affected > 0
    }

    // MARK: Following

    /// What is different from what the caller has.
    public struct Changes: Sendable {
        /// Everything up to here is known then; the `since` of the next call.
        public var version: Int64
        /// In order of version.
        public var changed: [StoredIntegration]
        public var ended: [IntegrationID]
        /// There is more: ask again at once.
        public var hasMore: Bool
    }

    /// - Parameters:
    ///   - version: What the caller has; 0 for all there are.
    ///   - limit: Rows of one answer.
    public func changes(since version: Int64, limit: Int = 2_000) async throws(DatabaseError) -> Changes {
        let rows = try await database.execute(
            Self.changed,
            Parameters {
                $0.add(version)
                $0.add(limit)
            })
        var changes = Changes(version: version, changed: [], ended: [], hasMore: rows.count == limit)
        changes.changed.reserveCapacity(rows.count)
        for row in 0..<rows.count {
            changes.version = rows.int64(row, 0)
            if rows.isNull(row, Self.endedColumn) {
                changes.changed.append(StoredIntegration(rows, row, first: 1))
            } else {
                changes.ended.append(rows.identifier(row, Self.endedColumn))
            }
        }
        return changes
    }

    private static let endedColumn = 14

    private static func secretID(at now: Timestamp) -> String { "sec_\(Ulid.random(at: now))" }

    private static func key(_ tenant: TenantID, _ id: IntegrationID) -> Parameters {
        Parameters {
            $0.add(tenant.text)
            $0.add(id.description)
        }
    }
}
