public import Database
public import EventModel

/// A tenant.
public struct TenantRecord: Sendable, Hashable {
    public var id: TenantID
    public var name: String
    public var createdAt: Timestamp
}

/// Tenants, for operators.
public struct TenantStore: Sendable {
    private let database: any StatementExecutor

    public init(_ database: any StatementExecutor) {
        self.database = database
    }

    private static let insert = Statement(
        "tenant.insert",
        """
        insert into fanfare.tenants (id, name) values ($1, $2) on conflict (id) do nothing
        returning id, name, created_at
        """)
    private static let put = Statement(
        "tenant.put",
        """
        with made as (
            insert into fanfare.tenants (id, name) values ($1, coalesce($2, ''))
            on conflict (id) do nothing returning id, name, created_at
        ), renamed as (
            update fanfare.tenants set name = $2
            where id = $1 and $2 is not null and name <> $2 and not exists (select 1 from made)
            returning id, name, created_at
        )
        select id, name, created_at, true from made
        union all select id, name, created_at, false from renamed
        union all select id, name, created_at, false from fanfare.tenants
            where id = $1 and not exists (select 1 from made) and not exists (select 1 from renamed)
        """)
    private static let one = Statement(
        "tenant.one", "select id, name, created_at from fanfare.tenants where id = $1")
    private static let list = Statement(
        "tenant.list",
        "select id, name, created_at from fanfare.tenants where id > $1 order by id limit $2")
    private static let remove = Statement("tenant.delete", "select fanfare.delete_tenant_v1($1, $2)")

    /// How many webhooks end in one call while a tenant is deleted: the feed's head is held meanwhile.
    private static let webhooksPerCall: Int32 = 50

    /// Nil when there is a tenant with this id.
    public func create(_ id: TenantID, name: String) async throws(DatabaseError) -> TenantRecord? {
        let rows = try await database.execute(
            Self.insert,
            Parameters {
                $0.add(id.text)
                $0.add(name)
            })
        return rows.isEmpty ? nil : Self.record(rows, 0)
    }

    /// Makes the tenant where there is none, and renames it where another name is given.
    public func put(
        _ id: TenantID, name: String?
    ) async throws(DatabaseError) -> (record: TenantRecord, isNew: Bool) {
        // Two calls at once: the loser's statement may see neither row, and sees it the second time.
        for _ in 0..<3 {
            let rows = try await database.execute(
                Self.put,
                Parameters {
                    $0.add(id.text)
                    $0.add(name)
                })
            if !rows.isEmpty { return (Self.record(rows, 0), rows.bool(0, 3)) }
        }
        throw DatabaseError(.serialization, "the tenant was made and deleted at the same time")
    }

    public func find(_ id: TenantID) async throws(DatabaseError) -> TenantRecord? {
        let rows = try await database.execute(Self.one, Parameters { $0.add(id.text) })
        return rows.isEmpty ? nil : Self.record(rows, 0)
    }

    /// In order of the ids.
    public func list(after: String?, limit: Int) async throws(DatabaseError) -> Page<TenantRecord> {
        let rows = try await database.execute(
            Self.list,
            Parameters {
                $0.add(after ?? "")
                $0.add(limit + 1)
            })
        return Page((0..<rows.count).map { Self.record(rows, $0) }, limit: limit)
    }

    /// Removes the tenant, its tokens, workspaces and webhooks; what waits to be delivered ends as deleted. Its events stay
    /// on the feed until their time is over.
    ///
    /// - Returns: false when there is no such tenant.
    public func delete(_ id: TenantID) async throws(DatabaseError) -> Bool {
        while true {
            let rows = try await database.execute(
                Self.remove,
                Parameters {
                    $0.add(id.text)
                    $0.add(Self.webhooksPerCall)
                })
            guard let isGone = rows.optionalBool(0, 0) else { return false }
            if isGone { return true }
        }
    }

    private static func record(_ rows: Rows, _ row: Int) -> TenantRecord {
        TenantRecord(id: rows.tenant(row, 0), name: rows.text(row, 1), createdAt: rows.timestamp(row, 2))
    }
}
