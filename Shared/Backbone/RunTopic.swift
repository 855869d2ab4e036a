public import EventModel

/// Where a backbone that is a broker's tells of agents' runs: the topic `agent.runs`. On Postgres there is none; who takes
/// runs there reads the table, or subscribes to `agent.run.queued`, which is on the feed of either backbone.
public protocol RunTopic: Sendable {
    /// Connects and serves until `shutdown`.
    func run() async throws

    /// Ends what `run` does, after what was published is acknowledged.
    func shutdown() async

    /// Returns when the records are durable. One that was published before may be published again: the run's id tells.
    ///
    /// - Throws: `unavailable`, `overloaded`, `stopped`.
    func publish(_ runs: [RunRecord]) async throws(BackboneError)
}

/// A run, as the topic tells of it.
public struct RunRecord: Sendable {
    public var id: RunID
    public var tenant: TenantID
    /// A JSON object: what the event `agent.run.queued` has as `data`.
    public var body: [UInt8]

    public init(id: RunID, tenant: TenantID, body: [UInt8]) {
        self.id = id
        self.tenant = tenant
        self.body = body
    }
}
