public import EventModel

/// A webhook as it was in force for `fromPos <= pos` until its next revision.
public struct WebhookRevision: Sendable {
    public enum Status: String, Sendable {
        case active, paused, pending, disabled, deleted
    }

    public var version: Int64
    public var endpoint: EndpointID
    public var tenant: TenantID
    public var fromPos: Int64
    public var toPos: Int64?
    public var status: Status
    public var url: String
    /// Patterns of event types; empty: everything.
    public var events: [String]
    /// Seconds; nil: the installation's default.
    public var timeout: Int?
    /// Nil: the installation's default.
    public var schedule: [Int]?
    /// As `SecretBox` sealed them, newest first.
    public var sealedSecrets: [String]
    /// A condition on the envelope; nil: none.
    public var filter: String?
    /// What few endpoints have, as a JSON object (`WebhookEquipment`); nil: nothing of it.
    public var equipment: String?
    public var limits: EndpointLimits

    public init(
        version: Int64, endpoint: EndpointID, tenant: TenantID, fromPos: Int64, toPos: Int64?, status: Status,
        url: String, events: [String], timeout: Int?, schedule: [Int]?, sealedSecrets: [String],
        filter: String? = nil, equipment: String? = nil, limits: EndpointLimits = EndpointLimits()
    ) {
        self.version = version
        self.endpoint = endpoint
        self.tenant = tenant
        self.fromPos = fromPos
        self.toPos = toPos
        self.status = status
        self.url = url
        self.events = events
        self.timeout = timeout
        self.schedule = schedule
        self.sealedSecrets = sealedSecrets
        self.filter = filter
        self.equipment = equipment
        self.limits = limits
    }
}
