public import EventModel

/// Who played a role of a workspace from `fromPos` on, until its next revision.
public struct RoleRevision: Sendable, Hashable {
    public var version: Int64
    public var tenant: TenantID
    public var workspace: WorkspaceID
    /// The type of the events that the role answers.
    public var role: String
    /// Nil: nobody.
    public var agent: String?
    public var fromPos: Int64
    /// Nil: in force when it was read.
    public var toPos: Int64?

    public init(
        version: Int64, tenant: TenantID, workspace: WorkspaceID, role: String, agent: String?, fromPos: Int64,
        toPos: Int64?
    ) {
        self.version = version
        self.tenant = tenant
        self.workspace = workspace
        self.role = role
        self.agent = agent
        self.fromPos = fromPos
        self.toPos = toPos
    }
}
