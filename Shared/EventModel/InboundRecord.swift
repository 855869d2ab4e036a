/// The audit of one request to a door: a row of `webhook_audit` with direction `inbound`.
public struct InboundRecord: Sendable, Equatable {
    /// What the request came to.
    public enum Verdict: String, Sendable, CaseIterable {
        /// An event of its own is on the log.
        case accepted
        /// The sender had sent it before: answered as if accepted, nothing was stored.
        case duplicate
        /// A handshake that was answered.
        case challenge
        /// Nothing was stored.
        case refused
    }

    /// Nil where the request named nothing that we know.
    public var tenant: TenantID?
    public var channel: String
    /// An integration's, trigger's or workspace's id.
    public var integration: String?
    public var event: EventID?
    public var type: String?
    public var startedAt: Timestamp
    /// Microseconds until the answer.
    public var total: Int64
    /// Of the answer.
    public var status: Int
    /// SHA-256 over the sorted lines `lower-name:value\n` without Host, Content-Length and Connection.
    public var headersSHA256: [UInt8]?
    public var payloadSHA256: [UInt8]?
    public var verdict: Verdict
    /// Why it was refused: `signature`, `token`, `stale`, `address`, `rate`, …; free of secrets.
    public var reason: String?
    public var sourceIP: String?
    /// What the sender calls the delivery.
    public var dedupeKey: String?
    /// Seconds between the signed timestamp and our clock; negative where it lies ahead.
    public var age: Int64?
    /// Refusals of the same source in the same minute that have no row of their own.
    public var leftOut: Int?

    public init(
        tenant: TenantID?, channel: String, integration: String?, startedAt: Timestamp, total: Int64, status: Int,
        verdict: Verdict
    ) {
        self.tenant = tenant
        self.channel = channel
        self.integration = integration
        self.startedAt = startedAt
        self.total = total
        self.status = status
        self.verdict = verdict
    }
}
