public import Database
public import EventModel

/// An agent's assignment to a role of a workspace.
public struct RoleRecord: Sendable, Hashable {
    public var workspace: WorkspaceID
    public var role: String
    public var agent: String
    public var createdAt: Timestamp
    public var updatedAt: Timestamp
}

/// Who plays which role. A change takes effect from a position of the feed, in the statement that makes it: an event that
/// is stored after the answer is routed by it.
public struct RoleStore: Sendable {
    private let database: any StatementExecutor

    public init(_ database: any StatementExecutor) {
        self.database = database
    }

    private static let columns = "workspace_id, role, agent_id, created_at, updated_at"
    // An assignment that changes nothing makes no revision, so it is looked for first.
    private static let put = Statement(
        "role.put",
        """
        insert into fanfare.agent_roles as r (workspace_id, role, tenant_id, agent_id)
        select w.id, $3, w.tenant_id, $4 from fanfare.workspaces w where w.tenant_id = $1 and w.id = $2
        on conflict (workspace_id, role) do update set agent_id = excluded.agent_id, updated_at = now()
        where r.agent_id <> excluded.agent_id
        returning \(columns), xmax = 0
        """)
    private static let one = Statement(
        "role.one",
        "select \(columns), false from fanfare.agent_roles where tenant_id = $1 and workspace_id = $2 and role = $3")
    private static let list = Statement(
        "role.list",
        """
        select \(columns), false from fanfare.agent_roles
        where tenant_id = $1 and workspace_id = $2 and role > $3 order by role limit $4
        """)
    private static let remove = Statement(
        "role.delete",
        "delete from fanfare.agent_roles where tenant_id = $1 and workspace_id = $2 and role = $3")

    /// - Returns: nil when the tenant has no such workspace.
    public func put(
        _ role: String, workspace: WorkspaceID, tenant: TenantID, agent: String
    ) async throws(DatabaseError) -> (record: RoleRecord, isNew: Bool)? {
        var parameters = Self.key(tenant, workspace, role)
        parameters.add(agent)
        let rows = try await database.execute(Self.put, parameters)
        if !rows.isEmpty { return (Self.record(rows, 0), rows.bool(0, 5)) }
        return try await find(role, workspace: workspace, tenant: tenant).map { ($0, false) }
    }

    public func find(
        _ role: String, workspace: WorkspaceID, tenant: TenantID
    ) async throws(DatabaseError) -> RoleRecord? {
        let rows = try await database.execute(Self.one, Self.key(tenant, workspace, role))
        return rows.isEmpty ? nil : Self.record(rows, 0)
    }

    /// By name.
    public func list(
        workspace: WorkspaceID, tenant: TenantID, after: String?, limit: Int
    ) async throws(DatabaseError) -> Page<RoleRecord> {
        var parameters = Self.key(tenant, workspace, after ?? "")
        parameters.add(limit + 1)
        let rows = try await database.execute(Self.list, parameters)
        return Page((0..<rows.count).map { Self.record(rows, $0) }, limit: limit)
    }

    /// - Returns: false when nobody plays that role.
    public func delete(
        _ role: String, workspace: WorkspaceID, tenant: TenantID
    ) async throws(DatabaseError) -> Bool {
        try await database.execute(Self.remove, Self.key(tenant, workspace, role)).affected > 0
    }

    private static func key(_ tenant: TenantID, _ workspace: WorkspaceID, _ role: String) -> Parameters {
        Parameters {
            $0.add(tenant.text)
            $0.add(workspace.description)
            $0.add(role)
        }
    }

    private static func record(_ rows: Rows, _ row: Int) -> RoleRecord {
        RoleRecord(
            workspace: rows.identifier(row, 0), role: rows.text(row, 1), agent: rows.text(row, 2),
            createdAt: rows.timestamp(row, 3), updatedAt: rows.timestamp(row, 4))
    }
}
