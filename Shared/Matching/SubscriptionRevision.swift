public import EventModel
public import JSONPath

/// What matters to matching of one revision of a webhook. It is in force from `fromPos` until the endpoint's next revision.
public struct SubscriptionRevision: Hashable, Sendable {
    /// Whether an endpoint gets what happens now.
    public enum State: Hashable, Sendable {
        case active
        /// Paused, pending or disabled: nothing but what is addressed to it alone.
        case inactive
        /// Nothing at all.
        case deleted
    }

    public var endpoint: EndpointID
    public var tenant: TenantID
    public var filter: SubscriptionFilter
    /// What must hold for the envelope; nil: nothing.
    public var condition: JSONFilter?
    public var state: State
    /// The configuration version that brought it; grows from revision to revision.
    public var version: Int64
    public var fromPos: Int64

    public init(
        endpoint: EndpointID, tenant: TenantID, filter: SubscriptionFilter, condition: JSONFilter? = nil,
        state: State, version: Int64, fromPos: Int64
    ) {
        self.endpoint = endpoint
        self.tenant = tenant
        self.filter = filter
        self.condition = condition
        self.state = state
        self.version = version
        self.fromPos = fromPos
    }
}

/// Positions that an endpoint's cursor delivers and the matcher leaves out: `from <= pos < to` (design §5).
public struct PosSpan: Hashable, Sendable {
    public var from: Int64
    /// Nil while the span is open.
    public var to: Int64?

    public init(from: Int64, to: Int64?) {
        self.from = from
        self.to = to
    }

    public func contains(_ pos: Int64) -> Bool { from <= pos && pos < to ?? .max }
}
