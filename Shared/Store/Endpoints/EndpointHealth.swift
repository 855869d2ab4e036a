public import Database
public import EventModel

/// How an endpoint is: what its owner knew when it last told, and what its last attempts say.
public struct EndpointHealth: Sendable {
    /// Nil: its owner has not told anything yet.
    public var state: State?
    public var attempts: Attempts
    /// When the oldest event was put on the feed that the endpoint's cursor has still to deliver; nil: it has none, or is at the
    /// end.
    public var cursorOldest: Timestamp?
    /// It has a cursor: what comes is not put on its lane, but read from the feed as fast as it takes it.
    public var isCatchingUp: Bool

    public struct State: Sendable {
        public var breakerOpenSince: Timestamp?
        public var nextProbe: Timestamp?
        public var inFlight: Int
        public var waiting: Int
        public var oldest: Timestamp?
        public var failures: Int64
        public var failingSince: Timestamp?
        public var lastSuccess: Timestamp?
        public var lastFailure: Timestamp?
        public var observedAt: Timestamp
    }

    public struct Attempts: Sendable {
        /// The oldest that was looked at; nil: there were none.
        public var since: Timestamp?
        public var count: Int64
        public var successes: Int64
        /// Of successes, in milliseconds.
        public var p50: Double?
        public var p99: Double?
        /// Deliveries whose next attempt waits.
        public var retrying: Int64
        public var oldestRetrying: Timestamp?
        /// A JSON array of classes, the latest first.
        public var errors: String
    }
}

/// Reads `EndpointHealth`: a row, and a bounded stretch of the audit's index.
public struct EndpointHealthQuery: Sendable {
    /// How far back attempts count.
    public static let window: Duration = .seconds(86_400)
    /// So many of the last attempts are looked at.
    public static let sample: Int32 = 500

    private let database: any StatementExecutor

    public init(_ database: any StatementExecutor) {
        self.database = database
    }

    private static let statement = Statement(
        "endpoint.health",
        """
        select a.o_since, a.o_attempts, a.o_successes, a.o_p50, a.o_p99, a.o_retrying, a.o_oldest,
            coalesce(a.o_errors, '[]'), s.open_since, s.probe_at, s.in_flight, s.waiting, s.oldest_at, s.failures,
            s.failing_since, s.last_success_at, s.last_failure_at, s.observed_at, c.oldest, coalesce(c.spans, 0) > 0
        from fanfare.endpoint_attempts_v1($1, $2, $3, $4) a
        left join fanfare.endpoint_states s on s.webhook_id = $2
        cross join lateral (
            select count(*) as spans, min(e.recorded_at) as oldest from fanfare.cursors c left join lateral (
                select v.recorded_at from fanfare.events v where v.tenant_id = c.tenant_id and v.pos > c.pos
                order by v.pos limit 1
            ) e on true
            where c.endpoint_id = $2 and c.state = 'active' and c.kind = 'span'
        ) c
        """)

    public func health(
        of endpoint: EndpointID, tenant: TenantID, now: Timestamp
    ) async throws(DatabaseError) -> EndpointHealth {
        let rows = try await database.execute(
            Self.statement,
            Parameters {
                $0.add(tenant.text)
                $0.add(endpoint.description)
                $0.add(now.adding(microseconds: -Int64(Self.window / .microseconds(1))))
                $0.add(Self.sample)
            })
        let attempts = EndpointHealth.Attempts(
            since: rows.optionalTimestamp(0, 0), count: rows.int64(0, 1), successes: rows.int64(0, 2),
            p50: rows.optionalDouble(0, 3), p99: rows.optionalDouble(0, 4), retrying: rows.int64(0, 5),
            oldestRetrying: rows.optionalTimestamp(0, 6), errors: rows.text(0, 7))
        let (oldest, isCatchingUp) = (rows.optionalTimestamp(0, 18), rows.bool(0, 19))
        guard !rows.isNull(0, 17) else {
            return EndpointHealth(state: nil, attempts: attempts, cursorOldest: oldest, isCatchingUp: isCatchingUp)
        }
        return EndpointHealth(
            state: EndpointHealth.State(
                breakerOpenSince: rows.optionalTimestamp(0, 8), nextProbe: rows.optionalTimestamp(0, 9),
                inFlight: Int(rows.int32(0, 10)), waiting: Int(rows.int32(0, 11)),
                oldest: rows.optionalTimestamp(0, 12), failures: rows.int64(0, 13),
                failingSince: rows.optionalTimestamp(0, 14), lastSuccess: rows.optionalTimestamp(0, 15),
                lastFailure: rows.optionalTimestamp(0, 16), observedAt: rows.timestamp(0, 17)),
            attempts: attempts, cursorOldest: oldest, isCatchingUp: isCatchingUp)
    }
}
