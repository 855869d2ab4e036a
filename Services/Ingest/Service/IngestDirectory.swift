public import EventModel

/// Who a token is, as far as a door cares.
public struct Principal: Sendable, Hashable {
    /// Nil for an operator, who belongs to no tenant.
    public var tenant: TenantID?
    public var mayWriteEvents: Bool

    public init(tenant: TenantID?, mayWriteEvents: Bool) {
        self.tenant = tenant
        self.mayWriteEvents = mayWriteEvents
    }
}

/// What a sender to a workspace's door must show.
public enum SenderRequirement: Sendable, Hashable {
    /// The workspace's unguessable id is enough, as seed 3 has it.
    case none
    case secret, signature
}

/// A workspace's settings, as far as its door cares.
public struct WorkspaceDoor: Sendable, Hashable {
    public var id: WorkspaceID
    public var tenant: TenantID
    /// Balancers that invent an `X-Request-Id` would make every request unique, or worse, the same.
    public var ignoresRequestID: Bool
    /// Requests a second; nil: no limit of its own.
    public var ratePerSecond: Double?
    public var requirement: SenderRequirement
    /// What senders show or sign with; nil: it cannot be read, which is our fault.
    public var secrets: [String]?

    public init(
        id: WorkspaceID, tenant: TenantID, ignoresRequestID: Bool, ratePerSecond: Double?,
        requirement: SenderRequirement = .none, secrets: [String]? = []
    ) {
        self.id = id
        self.tenant = tenant
        self.ignoresRequestID = ignoresRequestID
        self.ratePerSecond = ratePerSecond
        self.requirement = requirement
        self.secrets = secrets
    }
}

/// What ingest knows of tokens and workspaces: a snapshot in memory, so that no request reads the database.
public protocol IngestDirectory: Sendable {
    /// What the snapshot says; `.unknown` when it may simply be too old to know.
    func principal(token: String) -> DirectoryAnswer<Principal>
    func workspace(_ id: WorkspaceID) -> DirectoryAnswer<WorkspaceDoor>

    /// The only tenant there is; nil where there are several or none.
    var onlyTenant: TenantID? { get }
    func hasTenant(_ id: TenantID) -> Bool

    /// Asks the database for one that the snapshot does not have (bounded, remembered for a second when it is unknown there
    /// too). While the database is away the snapshot decides.
    /// `.unknown`: it could not be asked, which is our fault and not the client's.
    func lookUp(token: String) async -> DirectoryAnswer<Principal>
    func lookUp(workspace: WorkspaceID) async -> DirectoryAnswer<WorkspaceDoor>
}

public enum DirectoryAnswer<Value: Sendable>: Sendable {
    case found(Value)
    /// Certainly none: malformed, revoked, or asked for a moment ago.
    case none
    case unknown
}
