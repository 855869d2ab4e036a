internal import Crypto
internal import Database
internal import EventModel

/// What the directory reads.
enum DirectoryQueries {
    private static let version = Statement("directory.version", "select version from fanfare.directory_version")
    private static let tokens = Statement(
        "directory.tokens",
        """
        select sha256, id, tenant_id, scopes, expires_at from fanfare.tokens
        where revoked_at is null and (expires_at is null or expires_at > now())
        """)
    private static let token = Statement(
        "directory.token",
        """
        select sha256, id, tenant_id, scopes, expires_at from fanfare.tokens
        where sha256 = $1 and revoked_at is null and (expires_at is null or expires_at > now())
        """)
    private static let tenants = Statement("directory.tenants", "select id, name from fanfare.tenants")
    private static let workspaces = Statement(
        "directory.workspaces", "select \(WorkspaceStore.columns) from fanfare.workspaces")
    private static let workspace = Statement(
        "directory.workspace", "select \(WorkspaceStore.columns) from fanfare.workspaces where id = $1")

    static func version(_ database: any StatementExecutor) async throws(DatabaseError) -> Int64 {
        try await database.execute(version).int64(0, 0)
    }

    /// The version is read first: what changes meanwhile makes another one, and the directory looks again.
    static func load(_ database: any StatementExecutor) async throws(DatabaseError) -> DirectorySnapshot {
        let version = try await version(database)
        let tokenRows = try await database.execute(tokens)
        let tenantRows = try await database.execute(tenants)
        let workspaceRows = try await database.execute(workspaces)
        var bearers: [SHA256Digest: Bearer] = [:]
        bearers.reserveCapacity(tokenRows.count)
        for row in 0..<tokenRows.count {
            if let (digest, bearer) = bearer(tokenRows, row) { bearers[digest] = bearer }
        }
        var names: [TenantID: String] = [:]
        names.reserveCapacity(tenantRows.count)
        for row in 0..<tenantRows.count { names[tenantRows.tenant(row, 0)] = tenantRows.text(row, 1) }
        var records: [WorkspaceID: WorkspaceRecord] = [:]
        records.reserveCapacity(workspaceRows.count)
        for row in 0..<workspaceRows.count {
            let record = WorkspaceStore.record(workspaceRows, row)
            records[record.id] = record
        }
        return DirectorySnapshot(version: version, tokens: bearers, tenants: names, workspaces: records)
    }

    static func bearer(
        _ digest: SHA256Digest, _ database: any StatementExecutor, timeout: Duration
    ) async throws(DatabaseError) -> Bearer? {
        let rows = try await database.execute(token, Parameters { $0.add(bytes: digest.bytes) }, timeout: timeout)
        return rows.isEmpty ? nil : bearer(rows, 0)?.1
    }

    static func workspace(
        _ id: WorkspaceID, _ database: any StatementExecutor, timeout: Duration
    ) async throws(DatabaseError) -> WorkspaceRecord? {
        let rows = try await database.execute(workspace, Parameters { $0.add(id.description) }, timeout: timeout)
        return rows.isEmpty ? nil : WorkspaceStore.record(rows, 0)
    }

    /// Nil for a row that gives no rights: a scope that a later release knows is none that we could grant.
    private static func bearer(_ rows: Rows, _ row: Int) -> (SHA256Digest, Bearer)? {
        guard let digest = SHA256Digest(rows.bytes(row, 0)) else { return nil }
        let known = rows.textArray(row, 3).filter(Scopes.allNames.contains)
        guard let scopes = Scopes(names: known) else { return nil }
        return (
            digest,
            Bearer(
                token: rows.identifier(row, 1), tenant: rows.isNull(row, 2) ? nil : rows.tenant(row, 2),
                scopes: scopes, expiresAt: rows.optionalTimestamp(row, 4))
        )
    }
}
