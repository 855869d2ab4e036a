/// The audit of one attempt (or of an end without one): a row of `webhook_audit`.
public struct AttemptRecord: Sendable, Equatable {
    /// What the attempt came to.
    public enum Verdict: String, Sendable, CaseIterable {
        /// Answered 2xx.
        case delivered
        /// Failed; another attempt follows.
        case retrying
        /// Failed for the last time: a dead letter.
        case dead
        /// Ended without a (further) POST: paused, deleted.
        case cancelled
    }

    public var tenant: TenantID
    public var endpoint: EndpointID
    public var event: EventID
    public var delivery: DeliveryID
    public var type: String
    public var cause: Cause
    /// From 1; 0 where the delivery ended before any attempt.
    public var attempt: Int
    public var startedAt: Timestamp
    /// Phases in microseconds from the start of the attempt's own phase; nil where the phase did not happen.
    public var dns: Int64?
    public var connect: Int64?
    public var tls: Int64?
    public var firstByte: Int64?
    public var total: Int64?
    /// HTTP status, nil without an answer.
    public var status: Int?
    /// `dns`, `refused_by_policy`, `connect`, `tls`, `timeout_connect`, `timeout`, `reset`, `too_large`, `protocol`,
    /// `http_4xx`…; nil for success.
    public var errorClass: String?
    /// SHA-256 over the sorted lines `lower-name:value\n` without Host, Content-Length and Connection.
    public var headersSHA256: [UInt8]?
    public var payloadSHA256: [UInt8]?
    /// The answer's header lines, capped.
    public var responseHeaders: String?
    /// The first bytes of the answer's body: 4 KiB, of a 2xx 256.
    public var responseHead: [UInt8]?
    public var verdict: Verdict
    /// Why: `paused`, `deleted`, `endpoint_disabled`, `expired`, `exhausted`; free of secrets.
    public var reason: String?
    public var sourceIP: String?
    public var nextAttemptAt: Timestamp?

    public init(
        tenant: TenantID, endpoint: EndpointID, event: EventID, delivery: DeliveryID, type: String, cause: Cause,
        attempt: Int, startedAt: Timestamp, verdict: Verdict
    ) {
        self.tenant = tenant
        self.endpoint = endpoint
        self.event = event
        self.delivery = delivery
        self.type = type
        self.cause = cause
        self.attempt = attempt
        self.startedAt = startedAt
        self.verdict = verdict
    }
}

/// What a delivery leaves behind when its last attempt failed. The bytes are the envelope's.
public struct DeadLetter: Sendable, Equatable {
    public var id: DeadLetterID
    public var attempts: Int
    public var errorClass: String?
    public var status: Int?
    /// `exhausted`, `endpoint_disabled`, `expired`.
    public var reason: String

    public init(id: DeadLetterID, attempts: Int, errorClass: String?, status: Int?, reason: String) {
        self.id = id
        self.attempts = attempts
        self.errorClass = errorClass
        self.status = status
        self.reason = reason
    }
}
