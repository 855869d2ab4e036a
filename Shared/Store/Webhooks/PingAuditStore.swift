public import Database
public import EventModel

/// A ping, for the audit.
public struct PingAudit: Sendable {
    public var webhook: WebhookRecord
    public var event: EventID
    public var delivery: DeliveryID
    public var startedAt: Timestamp
    /// Microseconds.
    public var total: Int64
    public var status: Int?
    /// Nil: it was answered with a 2xx.
    public var errorClass: String?
    public var responseHead: [UInt8]

    public init(
        webhook: WebhookRecord, event: EventID, delivery: DeliveryID, startedAt: Timestamp, total: Int64, status: Int?,
        errorClass: String?, responseHead: [UInt8]
    ) {
        self.webhook = webhook
        self.event = event
        self.delivery = delivery
        self.startedAt = startedAt
        self.total = total
        self.status = status
        self.errorClass = errorClass
        self.responseHead = responseHead
    }
}

/// Writes the audit's rows of pings: whoever sends a ping is no owner of a lane and settles nothing.
public struct PingAuditStore: Sendable {
    private let database: any StatementExecutor

    public init(_ database: any StatementExecutor) {
        self.database = database
    }

    private static let insert = Statement(
        "ping.audit",
        """
        insert into fanfare.webhook_audit (direction, tenant_id, webhook_id, event_id, delivery_id, event_type, cause,
            attempt, started_at, total_ms, status, error_class, response_head, verdict, reason)
        values ('outbound', $1, $2, $3, $4, 'webhook.test', 'verification', 1, $5, $6, $7, $8, $9, $10, $11)
        """)

    public func record(_ ping: PingAudit) async throws(DatabaseError) {
        try await database.execute(
            Self.insert,
            Parameters {
                $0.add(ping.webhook.tenant.text)
                $0.add(ping.webhook.id.description)
                $0.add(ping.event.description)
                $0.add(ping.delivery.description)
                $0.add(ping.startedAt)
                $0.add(Double(ping.total) / 1_000)
                $0.add(ping.status.map { Int32(clamping: $0) })
                $0.add(ping.errorClass)
                $0.add(bytes: ping.responseHead)
                $0.add(ping.errorClass == nil ? "delivered" : "dead")
                $0.add(ping.errorClass == nil ? nil : "verification")
            })
    }
}
