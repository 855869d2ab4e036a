public import Database
public import EventModel

/// Runs of agents: made by the fan-out, listed for tenants, reported on by whoever runs them.
public struct AgentRunStore: Sendable {
    private let database: any StatementExecutor

    public init(_ database: any StatementExecutor) {
        self.database = database
    }

    private static let queue = Statement(
        "run.queue",
        "select o_created, o_announced from fanfare.queue_runs_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
    private static let announced = Statement(
        "run.announced",
        "update fanfare.agent_runs set announced_at = now() where id = any ($1) and announced_at is null")
    private static let one = Statement(
        "run.one", "select \(AgentRunRecord.columns) from fanfare.agent_runs where tenant_id = $1 and id = $2")
    private static let list = Statement(
        "run.list",
        """
        select \(AgentRunRecord.columns) from fanfare.agent_runs
        where tenant_id = $1 and seq < $2 and ($3::text is null or event_id = $3)
            and ($4::text is null or workspace_id = $4) and ($5::text is null or state = $5)
            and ($6::text is null or agent_id = $6)
        order by seq desc limit $7
        """)
    // An end stays what it is: whoever reports late changes nothing.
    private static let report = Statement(
        "run.report",
        """
        update fanfare.agent_runs set state = coalesce($3, state), result = case when $4 then $5 else result end,
            updated_at = now()
        where tenant_id = $1 and id = $2 and (state in ('queued', 'running') or state = coalesce($3, state))
        returning \(AgentRunRecord.columns)
        """)

    /// What became of a run that was asked for.
    public struct Queued: Sendable, Hashable {
        public var createdAt: Timestamp
        /// The log knows of it already; nothing is left to do.
        public var isAnnounced: Bool
    }

    /// Makes the runs that are not there yet, with their chats, in one call.
    ///
    /// - Returns: an answer for each, in order.
    public func queue(_ runs: [NewAgentRun]) async throws(DatabaseError) -> [Queued] {
        guard !runs.isEmpty else { return [] }
        let rows = try await database.execute(
            Self.queue,
            Parameters {
                $0.add(texts: runs.map(\.id.description))
                $0.add(texts: runs.map(\.chat.description))
                $0.add(texts: runs.map(\.tenant.text))
                $0.add(optionalTexts: runs.map { $0.workspace?.description })
                $0.add(texts: runs.map(\.event.description))
                $0.add(texts: runs.map(\.eventType))
                $0.add(texts: runs.map(\.agent))
                $0.add(optionalTexts: runs.map(\.role))
                $0.add(optionalTexts: runs.map { $0.trigger?.description })
                $0.add(texts: runs.map { String(decoding: $0.inputs, as: UTF8.self) })
            })
        return (0..<rows.count).map { Queued(createdAt: rows.timestamp($0, 0), isAnnounced: rows.bool($0, 1)) }
    }

    /// The log has taken `agent.run.queued` of these.
    public func announced(_ runs: [RunID]) async throws(DatabaseError) {
        try await database.execute(Self.announced, Parameters { $0.add(texts: runs.map(\.description)) })
    }

    public func find(_ id: RunID, tenant: TenantID) async throws(DatabaseError) -> AgentRunRecord? {
        let rows = try await database.execute(Self.one, Self.key(tenant, id))
        return rows.isEmpty ? nil : AgentRunRecord(rows, 0)
    }

    /// Which runs are asked for; nil: all.
    public struct Filter: Sendable {
        public var event: EventID?
        public var workspace: WorkspaceID?
        public var state: AgentRunRecord.State?
        public var agent: String?

        public init() {}
    }

    /// Newest first.
    /// - Parameter before: The `seq` of the last one of the page before this.
    public func list(
        tenant: TenantID, _ filter: Filter = Filter(), before: Int64?, limit: Int
    ) async throws(DatabaseError) -> Page<AgentRunRecord> {
        let rows = try await database.execute(
            Self.list,
            Parameters {
                $0.add(tenant.text)
                $0.add(before ?? Int64.max)
                $0.add(filter.event?.description)
                $0.add(filter.workspace?.description)
                $0.add(filter.state?.rawValue)
                $0.add(filter.agent)
                $0.add(limit + 1)
            })
        return Page((0..<rows.count).map { AgentRunRecord(rows, $0) }, limit: limit)
    }

    /// What whoever runs it says of a run.
    ///
    /// - Parameters:
    ///   - state: nil leaves it.
    ///   - result: A JSON value; nil leaves what was said, `.some(nil)` takes it back.
    /// - Returns: nil when the tenant has no such run, or it has ended otherwise.
    public func report(
        _ id: RunID, tenant: TenantID, state: AgentRunRecord.State?, result: String??
    ) async throws(DatabaseError) -> AgentRunRecord? {
        var parameters = Self.key(tenant, id)
        parameters.add(state?.rawValue)
        parameters.add(result != nil)
        parameters.add(result ?? nil)
        let rows = try await database.execute(Self.report, parameters)
        return rows.isEmpty ? nil : AgentRunRecord(rows, 0)
    }

    private static func key(_ tenant: TenantID, _ id: RunID) -> Parameters {
        Parameters {
            $0.add(tenant.text)
            $0.add(id.description)
        }
    }
}
