public import Database
public import EventModel

/// Something to be told of an endpoint, on the feed of its tenant.
public struct EndpointEvent: Sendable {
    /// Rises; the event's key.
    public var number: Int64
    public var tenant: TenantID
    public var endpoint: EndpointID
    public var type: String
    /// A JSON object.
    public var data: [UInt8]
    public var madeAt: Timestamp
}

/// Operational events on their way to the log.
public struct EndpointEventStore: Sendable {
    private let database: any StatementExecutor

    public init(_ database: any StatementExecutor) {
        self.database = database
    }

    private static let waiting = Statement(
        "endpoint_event.waiting",
        """
        select id, tenant_id, webhook_id, type, data, made_at from fanfare.endpoint_events order by id limit $1
        """)
    private static let told = Statement(
        "endpoint_event.told", "delete from fanfare.endpoint_events where id = any ($1)")

    /// In order of their making.
    public func waiting(limit: Int) async throws(DatabaseError) -> [EndpointEvent] {
        let rows = try await database.execute(Self.waiting, Parameters { $0.add(limit) })
        return (0..<rows.count).map { row in
            EndpointEvent(
                number: rows.int64(row, 0), tenant: rows.tenant(row, 1), endpoint: rows.identifier(row, 2),
                type: rows.text(row, 3), data: Array(rows.text(row, 4).utf8), madeAt: rows.timestamp(row, 5))
        }
    }

    /// They are on the log.
    public func told(_ events: [EndpointEvent]) async throws(DatabaseError) {
        try await database.execute(
            Self.told,
            Parameters { parameters in
                parameters.addArray(of: .int64) { array in for event in events { array.append(event.number) } }
            })
    }
}
