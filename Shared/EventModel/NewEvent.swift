/// An accepted event on its way to the log. Its envelope is made once; what stands beside it is for the store.
public struct NewEvent: Sendable {
    public var id: EventID
    public var tenant: TenantID
    public var type: String
    public var smithID: String?
    public var createdAt: Timestamp
    /// 16 bytes: a hash of (tenant, door, key). Nil: no key, every request is an event of its own.
    public var dedupeKey: [UInt8]?
    /// Goes to this endpoint alone (`webhook.test`).
    public var onlyEndpoint: EndpointID?
    /// Never goes to this endpoint: operational events do not reach the endpoint they speak of.
    public var exceptEndpoint: EndpointID?
    /// The exact bytes of feed, webhook and dead letter.
    public var envelope: [UInt8]
    /// Where the request that brought it stands in a trace, if it stands in one.
    public var trace: EventTrace?
    /// What the audit is to say of the request that brought it; the store writes it with the event.
    public var audit: EventAudit?

    public init(
        id: EventID, tenant: TenantID, type: String, smithID: String?, createdAt: Timestamp, dedupeKey: [UInt8]? = nil,
        onlyEndpoint: EndpointID? = nil, exceptEndpoint: EndpointID? = nil, envelope: [UInt8],
        trace: EventTrace? = nil
    ) {
        self.id = id
        self.tenant = tenant
        self.type = type
        self.smithID = smithID
        self.createdAt = createdAt
        self.dedupeKey = dedupeKey
        self.onlyEndpoint = onlyEndpoint
        self.exceptEndpoint = exceptEndpoint
        self.envelope = envelope
        self.trace = trace
    }
}
