internal import Database
public import EventModel

/// A run of an agent that an event started.
public struct AgentRunRecord: Sendable, Hashable {
    public enum State: String, Sendable, CaseIterable {
        case queued, running, succeeded, failed, cancelled
    }

    /// Rises in the order of their making; where a list goes on.
    public var seq: Int64
    public var id: RunID
    public var chat: ChatID
    public var tenant: TenantID
    public var workspace: WorkspaceID?
    public var event: EventID
    public var eventType: String
    public var agent: String
    /// What answered the event: a role, or a trigger.
    public var role: String?
    public var trigger: TriggerID?
    /// A JSON object.
    public var inputs: String
    public var state: State
    /// A JSON value that whoever ran it reported; nil before.
    public var result: String?
    public var createdAt: Timestamp
    public var updatedAt: Timestamp
}

extension AgentRunRecord {
    static let columns = """
        seq, id, chat_id, tenant_id, workspace_id, event_id, event_type, agent_id, role, trigger_id, inputs, state, \
        result, created_at, updated_at
        """

    init(_ rows: Rows, _ row: Int) {
        seq = rows.int64(row, 0)
        id = rows.identifier(row, 1)
        chat = rows.identifier(row, 2)
        tenant = rows.tenant(row, 3)
        workspace = rows.optionalIdentifier(row, 4)
        event = rows.identifier(row, 5)
        eventType = rows.text(row, 6)
        agent = rows.text(row, 7)
        role = rows.optionalText(row, 8)
        trigger = rows.optionalIdentifier(row, 9)
        inputs = rows.text(row, 10)
        // The table knows no others.
        state = State(rawValue: rows.text(row, 11)) ?? .queued
        result = rows.optionalText(row, 12)
        createdAt = rows.timestamp(row, 13)
        updatedAt = rows.timestamp(row, 14)
    }
}

/// A run that an event asks for. Its ids are functions of the event and of what answered it.
public struct NewAgentRun: Sendable, Hashable {
    public var id: RunID
    public var chat: ChatID
    public var tenant: TenantID
    public var workspace: WorkspaceID?
    public var event: EventID
    public var eventType: String
    public var agent: String
    public var role: String?
    public var trigger: TriggerID?
    /// A JSON object.
    public var inputs: [UInt8]

    /// A role's run: once for each event, workspace and role.
    public init(
        event: EventID, eventType: String, tenant: TenantID, workspace: WorkspaceID, role: String, agent: String,
        inputs: [UInt8]
    ) {
        id = RunID(event: event, cause: "\(workspace)/\(role)")
        chat = ChatID(run: id)
        self.tenant = tenant
        self.workspace = workspace
        self.event = event
        self.eventType = eventType
        self.agent = agent
        self.role = role
        self.inputs = inputs
    }

    /// A trigger's run: once for each event and trigger.
    public init(
        event: EventID, eventType: String, tenant: TenantID, workspace: WorkspaceID?, trigger: TriggerID, agent: String,
        inputs: [UInt8]
    ) {
        id = RunID(event: event, cause: "\(trigger)")
        chat = ChatID(run: id)
        self.tenant = tenant
        self.workspace = workspace
        self.event = event
        self.eventType = eventType
        self.agent = agent
        self.trigger = trigger
        self.inputs = inputs
    }
}
