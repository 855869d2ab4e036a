public import Database
public import EventModel

/// What a sender to a workspace's door must show.
public enum WorkspaceRequirement: String, Sendable, CaseIterable {
    /// The workspace's unguessable id is enough, as seed 3 has it.
    case none
    /// A shared secret in a header.
    case secret
    /// An HMAC over the body.
    case signature
}

/// A workspace: a door of a tenant for senders that have no token.
public struct WorkspaceRecord: Sendable, Hashable {
    public var id: WorkspaceID
    public var tenant: TenantID
    public var name: String
    public var require: WorkspaceRequirement
    /// Requests a second; nil: no limit of its own.
    public var ratePerSecond: Double?
    /// `x-request-id` is no dedupe key here: a balancer in front of the door invents it.
    public var ignoresRequestID: Bool
    /// Sealed, newest first; the context is `workspace:<id>`.
    public var sealedSecrets: [String]
    public var createdAt: Timestamp

    /// What a sealed secret of a workspace is bound to.
    public static func secretContext(_ id: WorkspaceID) -> String { "workspace:\(id)" }
}

/// A change to some settings of a workspace; nil leaves one as it is.
public struct WorkspaceChange: Sendable {
    public var name: String?
    public var require: WorkspaceRequirement?
    /// `.some(nil)` takes the limit away.
    public var ratePerSecond: Double??
    public var ignoresRequestID: Bool?
    public var sealedSecrets: [String]?

    public init() {}
}

/// Workspaces of tenants.
public struct WorkspaceStore: Sendable {
    private let database: any StatementExecutor

    public init(_ database: any StatementExecutor) {
        self.database = database
    }

    static let columns = "id, tenant_id, name, require, rate_per_s, ignore_request_id, secrets, created_at"
    private static let insert = Statement(
        "workspace.insert",
        """
        insert into fanfare.workspaces (id, tenant_id, name, require, rate_per_s, ignore_request_id, secrets)
        values ($1, $2, $3, $4, $5, $6, $7)
        returning \(columns)
        """)
    private static let one = Statement(
        "workspace.one", "select \(columns) from fanfare.workspaces where tenant_id = $1 and id = $2")
    private static let list = Statement(
        "workspace.list",
        "select \(columns) from fanfare.workspaces where tenant_id = $1 and id > $2 order by id limit $3")
    private static let change = Statement(
        "workspace.change",
        """
        update fanfare.workspaces set name = coalesce($3, name), require = coalesce($4, require),
            rate_per_s = case when $5 then $6 else rate_per_s end,
            ignore_request_id = coalesce($7, ignore_request_id), secrets = case when $8 then $9 else secrets end
        where tenant_id = $1 and id = $2 returning \(columns)
        """)
    private static let remove = Statement(
        "workspace.delete", "delete from fanfare.workspaces where tenant_id = $1 and id = $2")

    /// - Returns: nil when there is no such tenant.
    public func create(
        _ id: WorkspaceID, tenant: TenantID, name: String, require: WorkspaceRequirement = .none,
        ratePerSecond: Double? = nil, ignoresRequestID: Bool = false, sealedSecrets: [String] = []
    ) async throws(DatabaseError) -> WorkspaceRecord? {
        let parameters = Parameters {
            $0.add(id.description)
            $0.add(tenant.text)
            $0.add(name)
            $0.add(require.rawValue)
            $0.add(ratePerSecond)
            $0.add(ignoresRequestID)
            $0.add(texts: sealedSecrets)
        }
        do throws(DatabaseError) {
            return Self.record(try await database.execute(Self.insert, parameters), 0)
        } catch  where error.isMissingTenant {
            return nil
        }
    }

    public func find(_ id: WorkspaceID, tenant: TenantID) async throws(DatabaseError) -> WorkspaceRecord? {
        let rows = try await database.execute(Self.one, Self.key(tenant, id))
        return rows.isEmpty ? nil : Self.record(rows, 0)
    }

    /// In order of their making.
    public func list(
        tenant: TenantID, after: String?, limit: Int
    ) async throws(DatabaseError) -> Page<WorkspaceRecord> {
        let rows = try await database.execute(
            Self.list,
            Parameters {
                $0.add(tenant.text)
                $0.add(after ?? "")
                $0.add(limit + 1)
            })
        return Page((0..<rows.count).map { Self.record(rows, $0) }, limit: limit)
    }

    /// - Returns: the workspace as it is now; nil when the tenant has no such one.
    public func change(
        _ id: WorkspaceID, tenant: TenantID, _ change: WorkspaceChange
    ) async throws(DatabaseError) -> WorkspaceRecord? {
        var parameters = Self.key(tenant, id)
        parameters.add(change.name)
        parameters.add(change.require?.rawValue)
        parameters.add(change.ratePerSecond != nil)
        parameters.add(change.ratePerSecond ?? nil)
        parameters.add(change.ignoresRequestID)
        parameters.add(change.sealedSecrets != nil)
        parameters.add(texts: change.sealedSecrets ?? [])
        let rows = try await database.execute(Self.change, parameters)
        return rows.isEmpty ? nil : Self.record(rows, 0)
    }

    public func delete(_ id: WorkspaceID, tenant: TenantID) async throws(DatabaseError) -> Bool {
        try await database.execute(Self.remove, Self.key(tenant, id)).affected > 0
    }

    private static func key(_ tenant: TenantID, _ id: WorkspaceID) -> Parameters {
        Parameters {
            $0.add(tenant.text)
            $0.add(id.description)
        }
    }

    static func record(_ rows: Rows, _ row: Int) -> WorkspaceRecord {
        WorkspaceRecord(
            id: rows.identifier(row, 0), tenant: rows.tenant(row, 1), name: rows.text(row, 2),
            require: WorkspaceRequirement(rawValue: rows.text(row, 3)) ?? .signature,
            ratePerSecond: rows.optionalDouble(row, 4), ignoresRequestID: rows.bool(row, 5),
            sealedSecrets: rows.textArray(row, 6), createdAt: rows.timestamp(row, 7))
    }
}
