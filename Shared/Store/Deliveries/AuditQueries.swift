public import Database
public import EventModel

/// A row of `webhook_audit`, as tenants see it.
public struct AuditRow: Sendable {
    public var seq: Int64
    public var direction: String
    public var endpoint: EndpointID?
    public var integration: String?
    public var event: EventID?
    public var delivery: DeliveryID?
    public var type: String?
    public var cause: String?
    public var attempt: Int
    public var startedAt: Timestamp
    /// Milliseconds.
    public var dns: Double?
    public var connect: Double?
    public var tls: Double?
    public var firstByte: Double?
    public var total: Double?
    public var status: Int?
    public var errorClass: String?
    public var headersSHA256: [UInt8]?
    public var payloadSHA256: [UInt8]?
    public var responseHeaders: String?
    public var responseHead: [UInt8]?
    public var verdict: String
    public var reason: String?
    public var sourceIP: String?
    public var nextAttemptAt: Timestamp?
    /// Of a request to a door: which one.
    public var channel: String?
    public var dedupeKey: String?
    /// Seconds between the signed timestamp and the clock.
    public var age: Int?
    /// Refusals of the same source and minute without a row of their own.
    public var leftOut: Int?
    /// Of a row with the direction `management`: the dead letter that it speaks of.
    public var deadLetter: DeadLetterID?
    /// And who did it: the id of a token or a job, or `retention`.
    public var actor: String?
}

/// Which rows of the audit are asked for; nil: all.
public struct AuditFilter: Sendable {
    public var tenant: TenantID
    public var direction: String?
    public var endpoint: EndpointID?
    /// An integration's, trigger's or workspace's id.
    public var integration: String?
    public var event: EventID?
    public var delivery: DeliveryID?
    public var type: String?
    public var verdict: String?
    public var since: Timestamp?
    public var until: Timestamp?

    public init(tenant: TenantID) {
        self.tenant = tenant
    }
}

/// Rows of the audit, newest first.
public struct AuditPage: Sendable {
    public var rows: [AuditRow]
    /// Everything from here on has been looked at.
    public var edge: Int64
    public var hasMore: Bool
}

/// Attempts, and deliveries as what their last attempt says.
public struct AuditQueries: Sendable {
    private let database: any StatementExecutor
    private let scan: Int

    /// - Parameter scan: Rows that one statement looks through.
    public init(_ database: any StatementExecutor, scan: Int = 20_000) {
        self.database = database
        self.scan = scan
    }

    /// Attempts of a delivery that are shown: 20 of the longest schedule, and what takeovers repeated.
    private static let attemptLimit = 200

    private static let columns = """
        direction, webhook_id, integration_id, event_id, delivery_id, event_type, cause, attempt, started_at, dns_ms, \
        connect_ms, tls_ms, first_byte_ms, total_ms, status, error_class, headers_sha256, payload_sha256, \
        response_headers, response_head, verdict, reason, source_ip, next_attempt_at, channel, \
        dedupe_key, age_s, left_out, dead_letter_id, actor
        """

    /// The columns that `row` reads behind the first three, of a composite.
    static func columns(of row: String) -> String {
        columns.split(separator: ", ").map { "(\(row)).\($0)" }.joined(separator: ", ")
    }

    private static let page = Statement(
        "audit.page",
        """
        select o_seq, o_edge, o_more, \(columns(of: "o_row"))
        from fanfare.audit_page_v2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        """)
    private static let attempts = Statement(
        "audit.attempts",
        """
        select seq, null::bigint, null::boolean, \(columns) from fanfare.webhook_audit
        where delivery_id = $1 and tenant_id = $2 order by seq limit $3
        """)

    /// - Parameters:
    ///   - before: The edge of the page before this one.
    ///   - latestOnly: Only the last attempt of each delivery.
    public func page(
        _ filter: AuditFilter, before: Int64?, limit: Int, latestOnly: Bool
    ) async throws(DatabaseError) -> AuditPage {
        let rows = try await database.execute(
            Self.page,
            Parameters {
                $0.add(filter.tenant.text)
                $0.add(filter.direction)
                $0.add(filter.endpoint?.description)
                $0.add(filter.integration)
                $0.add(filter.event?.description)
                $0.add(filter.delivery?.description)
                $0.add(filter.type)
                $0.add(filter.verdict)
                $0.add(filter.since)
                $0.add(filter.until)
                $0.add(before)
                $0.add(Int32(clamping: limit))
                $0.add(Int32(clamping: scan))
                $0.add(latestOnly)
            })
        return AuditPage(
            rows: (1..<rows.count).map { Self.row(rows, $0) }, edge: rows.int64(0, 1), hasMore: rows.bool(0, 2))
    }

    /// All attempts of a delivery, oldest first; none when the tenant has no such delivery, or it was not tried yet.
    public func attempts(_ delivery: DeliveryID, tenant: TenantID) async throws(DatabaseError) -> [AuditRow] {
        let rows = try await database.execute(
            Self.attempts,
            Parameters {
                $0.add(delivery.description)
                $0.add(tenant.text)
                $0.add(Self.attemptLimit)
            })
        return (0..<rows.count).map { Self.row(rows, $0) }
    }

    /// - Parameter rows: `seq`, two columns of the statement's own, and `columns`.
    static func row(_ rows: Rows, _ row: Int) -> AuditRow {
        AuditRow(
            seq: rows.int64(row, 0), direction: rows.text(row, 3), endpoint: rows.optionalIdentifier(row, 4),
            integration: rows.optionalText(row, 5), event: rows.optionalIdentifier(row, 6),
            delivery: rows.optionalIdentifier(row, 7), type: rows.optionalText(row, 8),
            cause: rows.optionalText(row, 9), attempt: Int(rows.int32(row, 10)), startedAt: rows.timestamp(row, 11),
            dns: rows.optionalDouble(row, 12), connect: rows.optionalDouble(row, 13), tls: rows.optionalDouble(row, 14),
            firstByte: rows.optionalDouble(row, 15), total: rows.optionalDouble(row, 16),
            status: rows.optionalInt32(row, 17).map(Int.init), errorClass: rows.optionalText(row, 18),
            headersSHA256: rows.optionalBytes(row, 19), payloadSHA256: rows.optionalBytes(row, 20),
            responseHeaders: rows.optionalText(row, 21), responseHead: rows.optionalBytes(row, 22),
            verdict: rows.text(row, 23), reason: rows.optionalText(row, 24), sourceIP: rows.optionalText(row, 25),
            nextAttemptAt: rows.optionalTimestamp(row, 26), channel: rows.optionalText(row, 27),
            dedupeKey: rows.optionalText(row, 28), age: rows.optionalInt32(row, 29).map(Int.init),
            leftOut: rows.optionalInt32(row, 30).map(Int.init), deadLetter: rows.optionalIdentifier(row, 31),
            actor: rows.optionalText(row, 32))
    }
}
