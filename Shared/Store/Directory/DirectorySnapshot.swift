internal import Crypto
public import EventModel

/// Who presents a token.
public struct Bearer: Sendable, Hashable {
    public var token: TokenID
    /// Nil for an operator.
    public var tenant: TenantID?
    public var scopes: Scopes
    var expiresAt: Timestamp?
}

/// Tokens, tenants and workspaces as they were at one version of the directory.
final class DirectorySnapshot: Sendable {
    let version: Int64
    let tokens: [SHA256Digest: Bearer]
    let tenants: [TenantID: String]
    let workspaces: [WorkspaceID: WorkspaceRecord]

    init(
        version: Int64, tokens: [SHA256Digest: Bearer], tenants: [TenantID: String],
        workspaces: [WorkspaceID: WorkspaceRecord]
    ) {
        self.version = version
        self.tokens = tokens
        self.tenants = tenants
        self.workspaces = workspaces
    }

    static let empty = DirectorySnapshot(version: -1, tokens: [:], tenants: [:], workspaces: [:])
}
