public import EventModel
public import Observability

/// What the doors for other people's webhooks stand on.
public struct InboundSetup: Sendable {
    public var book: IntegrationBook
    public var gate: InboundGate
    public var audit: InboundAudit
    /// Triggers with a URL, by the path's `trigger_id`.
    public var triggers: any InboundEndpoints
    /// Whose events come in at the bare path of seed 4's door.
    public var products = ProductTenants()

    /// - Parameter triggers: Nil: there are none.
    public init(
        book: IntegrationBook, gate: InboundGate, audit: InboundAudit, triggers: (any InboundEndpoints)? = nil
    ) {
        self.triggers = triggers ?? NoEndpoints()
        self.book = book
        self.gate = gate
        self.audit = audit
    }

    /// For an ingest without integrations: nothing is known, and what happens at the doors is not kept.
    public static func none(clock: any WallClock, metrics: MetricsRegistry, logger: Logger) -> InboundSetup {
        let audit = InboundAudit(clock: clock, metrics: metrics, logger: logger) { _ in }
        return InboundSetup(
            book: IntegrationBook(box: nil, metrics: metrics, logger: logger),
            gate: InboundGate(trust: ProxyTrust(), clock: clock, audit: audit, metrics: metrics), audit: audit)
    }
}
