internal import Crypto
public import Database
public import EventModel
public import Signing

/// A token as lists show it; the token itself is nowhere, only its SHA-256.
public struct TokenRecord: Sendable, Hashable {
    public var id: TokenID
    /// Nil: an operator's token.
    public var tenant: TenantID?
    public var scopes: Scopes
    public var label: String
    /// The first and the last characters, to recognise it by.
    public var hint: String
    public var createdAt: Timestamp
    public var expiresAt: Timestamp?
}

/// Tokens of operators and tenants.
///
///     let (record, token) = try await tokens.create(tenant: nil, scopes: .operator, label: "bootstrap", now: now)
public struct TokenStore: Sendable {
    private let database: any StatementExecutor

    public init(_ database: any StatementExecutor) {
        self.database = database
    }

    private static let columns = "id, tenant_id, scopes, label, hint, created_at, expires_at"
    private static let insert = Statement(
        "token.insert",
        """
        insert into fanfare.tokens (id, sha256, tenant_id, scopes, label, hint, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        returning \(columns)
        """)
    private static let list = Statement(
        "token.list",
        """
        select \(columns) from fanfare.tokens
        where tenant_id is not distinct from $1 and revoked_at is null and id > $2 order by id limit $3
        """)
    private static let revoke = Statement(
        "token.revoke",
        """
        update fanfare.tokens set revoked_at = now()
        where tenant_id is not distinct from $1 and id = $2 and revoked_at is null
        """)

    /// Makes a token and stores its hash.
    ///
    /// - Parameter tenant: nil for an operator's token.
    /// - Returns: nil when there is no such tenant; the token's text, which exists nowhere else, otherwise.
    public func create(
        tenant: TenantID?, scopes: Scopes, label: String, expiresAt: Timestamp? = nil, now: Timestamp
    ) async throws(DatabaseError) -> (record: TokenRecord, token: AccessToken)? {
        precondition(
            tenant == nil ? scopes == .operator : scopes.isSubset(of: .ofTenants),
            "the operator's scope has no tenant, and a tenant's token not the operator's scope")
        let token = AccessToken.generate()
        let parameters = Parameters {
            $0.add(TokenID.make(at: now).description)
            $0.add(bytes: token.digest.bytes)
            $0.add(tenant?.text)
            $0.add(texts: scopes.names)
            $0.add(label)
            $0.add(token.hint)
            $0.add(expiresAt)
        }
        do throws(DatabaseError) {
            return (Self.record(try await database.execute(Self.insert, parameters), 0), token)
        } catch  where error.isMissingTenant {
            return nil
        }
    }

    /// In order of their making.
    public func list(
        tenant: TenantID?, after: String?, limit: Int
    ) async throws(DatabaseError) -> Page<TokenRecord> {
        let rows = try await database.execute(
            Self.list,
            Parameters {
                $0.add(tenant?.text)
                $0.add(after ?? "")
                $0.add(limit + 1)
            })
        return Page((0..<rows.count).map { Self.record(rows, $0) }, limit: limit)
    }

    /// - Returns: false when the tenant has no such token.
    public func revoke(_ id: TokenID, tenant: TenantID?) async throws(DatabaseError) -> Bool {
        let rows = try await database.execute(
            Self.revoke,
            Parameters {
                $0.add(tenant?.text)
                $0.add(id.description)
            })
        return rows.affected > 0
    }

    private static func record(_ rows: Rows, _ row: Int) -> TokenRecord {
        TokenRecord(
            id: rows.identifier(row, 0), tenant: rows.isNull(row, 1) ? nil : rows.tenant(row, 1),
            scopes: Scopes(names: rows.textArray(row, 2)) ?? [], label: rows.text(row, 3), hint: rows.text(row, 4),
            createdAt: rows.timestamp(row, 5), expiresAt: rows.optionalTimestamp(row, 6))
    }
}
