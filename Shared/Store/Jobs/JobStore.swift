public import Database
public import EventModel

/// Jobs: counted, begun, looked at, cancelled; and the steps of discards. The deliveries of the others are the work of the
/// lanes' owners (`FeedCursors`).
public struct JobStore: Sendable {
    private let database: any StatementExecutor
    private let scan: Int

    /// Of one tenant that run at the same time.
    public static let most = 20
    /// Webhooks of one job.
    public static let mostWebhooks = 1_000

    /// - Parameter scan: Rows that one count looks through.
    public init(_ database: any StatementExecutor, scan: Int = 100_000) {
        self.database = database
        self.scan = scan
    }

    // MARK: Before

    private static let range = Statement(
        "job.range", "select o_from, o_until, o_oldest, o_is_past from fanfare.job_range_v1($1, $2)")

    /// - Parameters: nil: from the oldest event on, up to now.
    public func range(from: Timestamp?, to: Timestamp?) async throws(DatabaseError) -> JobRange {
        let rows = try await database.execute(
            Self.range,
            Parameters {
                $0.add(from)
                $0.add(to)
            })
        return JobRange(
            from: rows.int64(0, 0), until: rows.int64(0, 1), oldest: rows.timestamp(0, 2), isPast: rows.bool(0, 3))
    }

    private static let webhooks = Statement(
        "job.webhooks",
        """
        select w.id from (
            select id from fanfare.webhooks where tenant_id = $1 and status = 'active' and $2 <> 'discard'
            union all
            select distinct webhook_id from fanfare.webhook_revisions where tenant_id = $1 and $2 = 'discard'
        ) w
        where $2 in ('replay', 'resend')
            or exists (select 1 from fanfare.dead_letters d where d.tenant_id = $1 and d.webhook_id = w.id)
        order by w.id limit $3
        """)

    /// The tenant's webhooks that a job of this kind has to do with (of a discard also those that are deleted); one more than `mostWebhooks` when there are too many.
    public func webhooks(_ action: JobRecord.Action, tenant: TenantID) async throws(DatabaseError) -> [EndpointID] {
        let rows = try await database.execute(
            Self.webhooks,
            Parameters {
                $0.add(tenant.text)
                $0.add(action.rawValue)
                $0.add(Int64(Self.mostWebhooks + 1))
            })
        return (0..<rows.count).map { rows.identifier($0, 0) }
    }

    private static let count = Statement(
        "job.count",
        "select o_matched, o_exact from fanfare.count_job_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")

    /// How much a job would find, as far as a bounded look tells.
    public func count(
        _ order: JobRecord.Order, tenant: TenantID, webhooks: [EndpointID], range: JobRange
    ) async throws(DatabaseError) -> JobCount {
        let rows = try await database.execute(
            Self.count,
            Parameters {
                $0.add(order.action.rawValue)
                $0.add(tenant.text)
                $0.add(texts: webhooks.map(\.description))
                $0.add(range.from)
                $0.add(range.until)
                $0.add(order.from)
                $0.add(order.to)
                $0.add(texts: order.types)
                $0.add(order.smith)
                $0.add(order.errorClass)
                $0.add(Int32(clamping: scan))
            })
        return JobCount(matched: rows.int64(0, 0), isExact: rows.bool(0, 1))
    }

    // MARK: Beginning

    private static let start = Statement(
        "job.start",
        """
        select o_problem, o_other from fanfare.start_job_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
            $15, $16, $17, $18, $19, $20)
        """)

    /// Why a job was not begun.
    public enum Problem: Error, Hashable, Sendable {
        /// That one works on the same dead letters.
        case busy(String)
        case tooMany
    }

    /// What a job delivers to: a cursor of its own for each webhook.
    public struct Target: Sendable {
        public var cursor: CursorID
        public var endpoint: EndpointID
        public var lane: Int

        public init(cursor: CursorID, endpoint: EndpointID, lane: Int) {
            self.cursor = cursor
            self.endpoint = endpoint
            self.lane = lane
        }
    }

    /// Begins a job: once this returns it will be done whatever ends.
    ///
    /// - Returns: why not; nil when it has begun.
    public func start(
        _ id: JobID, _ order: JobRecord.Order, tenant: TenantID, actor: String, count: JobCount, range: JobRange,
        targets: [Target]
    ) async throws(DatabaseError) -> Problem? {
        let rows = try await database.execute(
            Self.start,
            Parameters {
                $0.add(id.description)
                $0.add(tenant.text)
                $0.add(order.action.rawValue)
                $0.add(order.endpoint?.description)
                $0.add(order.from)
                $0.add(order.to)
                $0.add(texts: order.types)
                $0.add(order.smith)
                $0.add(order.errorClass)
                $0.add(order.ratePerSecond)
                $0.add(order.reason)
                $0.add(actor)
                $0.add(count.matched)
                $0.add(count.isExact)
                $0.add(range.from)
                $0.add(range.until)
                $0.add(texts: targets.map(\.cursor.description))
                $0.add(texts: targets.map(\.endpoint.description))
                $0.add(parts: targets.map(\.lane))
                $0.add(Int32(Self.most))
            })
        switch rows.optionalText(0, 0) {
        case "busy": return .busy(rows.text(0, 1))
        case "too_many": return .tooMany
        default: return nil
        }
    }

    // MARK: Looking

    private static let one = Statement(
        "job.one",
        "select \(JobRecord.columns) from \(JobRecord.source) where j.tenant_id = $1 and j.id = $2")
    private static let list = Statement(
        "job.list",
        """
        select \(JobRecord.columns) from \(JobRecord.source)
        where j.tenant_id = $1 and j.id < $2 and ($3::text is null or j.state = $3)
            and ($4::text is null or j.action = $4) and ($5::text is null or j.webhook_id = $5)
        order by j.id desc limit $6
        """)

    public func find(_ id: JobID, tenant: TenantID) async throws(DatabaseError) -> JobRecord? {
        let rows = try await database.execute(Self.one, Self.key(tenant, id))
        return rows.isEmpty ? nil : JobRecord(rows, 0)
    }

    /// Newest first.
    public func list(
        tenant: TenantID, state: JobRecord.State? = nil, action: JobRecord.Action? = nil, endpoint: EndpointID? = nil,
        before: JobID?, limit: Int
    ) async throws(DatabaseError) -> Page<JobRecord> {
        let rows = try await database.execute(
            Self.list,
            Parameters {
                $0.add(tenant.text)
                $0.add(before?.description ?? "~")
                $0.add(state?.rawValue)
                $0.add(action?.rawValue)
                $0.add(endpoint?.description)
                $0.add(Int64(limit + 1))
            })
        return Page((0..<rows.count).map { JobRecord(rows, $0) }, limit: limit)
    }

    // MARK: Ending

    private static let cancel = Statement("job.cancel", "select fanfare.cancel_job_v1($1, $2)::text")
    private static let step = Statement("job.step", "select o_job, o_count from fanfare.step_discard_v1($1)")

    private static let stop = Statement("job.stop", "select fanfare.stop_job_cursors_v1()")

    /// It is cancelled; `stopCursors` has to follow. What is under way ends, and what waits for another attempt gets it.
    public func cancel(_ id: JobID, tenant: TenantID) async throws(DatabaseError) {
        try await database.execute(Self.cancel, Self.key(tenant, id))
    }

    /// Has nothing more read for jobs that were cancelled and for webhooks that take nothing.
    ///
    /// - Returns: how many cursors that were.
    @discardableResult
    public func stopCursors() async throws(DatabaseError) -> Int {
        try await database.execute(Self.stop).int(0, 0)
    }

    /// One step of a discard that no other process is at.
    ///
    /// - Returns: the letters that it threw away; nil when there is no such job.
    public func stepDiscard(limit: Int) async throws(DatabaseError) -> Int? {
        let rows = try await database.execute(Self.step, Parameters { $0.add(Int32(clamping: limit)) })
        return rows.isNull(0, 0) ? nil : rows.int(0, 1)
    }

    private static func key(_ tenant: TenantID, _ id: JobID) -> Parameters {
        Parameters {
            $0.add(tenant.text)
            $0.add(id.description)
        }
    }
}
