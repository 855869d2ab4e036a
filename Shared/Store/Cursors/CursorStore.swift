public import Database
public import EventModel

/// Feed cursors and the spans that they deliver (design §5, *Catching up*).
///
/// Two sides use it. The lane's owner takes the cursors of its lanes, reads, records and switches, each call under the
/// epoch that taking gave; a call under an older one writes nothing. Whoever starts a job (the feed process) adds cursors
/// and cancels them:
///
///     try await cursors.add([DeliveryCursor(id: …, kind: .job, tenant: …, endpoint: webhook, lane: webhook.lane(of: lanes),
///         cause: Cause(job.description), pos: first - 1, until: last, types: ["slack"], ratePerSecond: 50)])
///     try await cursors.summary(cause: job)      // state and counts, summed over the job's cursors
///     try await cursors.cancel(cause: job)       // the owner stops reading within a second
///
/// A job's events are those of the tenant's feed with `pos < position <= until` that the webhook subscribes to *now* (types
/// and filter, whatever they were then), narrowed by `types` and `smith`; events for one endpoint alone are left out.
public struct CursorStore: Sendable {
    private let database: any StatementExecutor

    public init(_ database: any StatementExecutor) {
        self.database = database
    }

    /// For the other half of this type.
    @discardableResult
    func execute(_ statement: Statement, _ parameters: Parameters) async throws(DatabaseError) -> Rows {
        try await database.execute(statement, parameters)
    }

    /// Told on this channel: there are new job cursors, or cancelled ones.
    public static let channel = "fanfare_cursors"

    // MARK: The lane's owner

    private static let take = Statement(
        "cursors.take",
        """
        select o_part, o_epoch, o_version, \(CursorColumns.list("(o_row)."))
        from fanfare.take_cursors_v1($1)
        """)

    /// Takes the cursors of lanes: whoever had them before writes nothing more.
    public func take(lanes: [Int]) async throws(DatabaseError) -> TakenCursors {
        let rows = try await database.execute(Self.take, Parameters { $0.add(parts: lanes) })
        var taken = TakenCursors()
        for row in 0..<rows.count {
            taken.epochs[rows.int(row, 0)] = rows.int64(row, 1)
            taken.configVersion = rows.int64(row, 2)
            if !rows.isNull(row, 3) { taken.cursors.append(CursorColumns.cursor(rows, row, from: 3)) }
        }
        return taken
    }

    private static let jobs = Statement(
        "cursors.jobs",
        """
        select \(CursorColumns.list("c.")) from fanfare.cursors c
        where c.part = any ($1) and c.state = 'active' and c.kind = 'job'
        """)

    /// The active jobs of lanes.
    public func jobs(lanes: [Int]) async throws(DatabaseError) -> [DeliveryCursor] {
        let rows = try await database.execute(Self.jobs, Parameters { $0.add(parts: lanes) })
        return (0..<rows.count).map { CursorColumns.cursor(rows, $0, from: 0) }
    }

    private static let open = Statement(
        "cursors.open",
        """
        select o_refused, o_version, o_from, \(CursorColumns.list("(o_row)."))
        from fanfare.open_spans_v1($1, $2, $3, $4, $5, $6)
        """)

    /// - Returns: the configuration version, and for each span what it is now; nil where the epoch is not ours.
    public func open(
        _ spans: [SpanOpening]
    ) async throws(DatabaseError) -> (configVersion: Int64, spans: [OpenedSpan?]) {
        let rows = try await database.execute(
            Self.open,
            Parameters {
                $0.add(texts: spans.map(\.id.description))
                $0.add(texts: spans.map(\.tenant.text))
                $0.add(texts: spans.map(\.endpoint.description))
                $0.add(parts: spans.map(\.lane))
                $0.add(int64s: spans.map(\.epoch))
                $0.add(int64s: spans.map(\.from))
            })
        var version: Int64 = 0
        let opened = (0..<rows.count).map { row -> OpenedSpan? in
            version = rows.int64(row, 1)
            guard !rows.bool(row, 0) else { return nil }
            let cursor = CursorColumns.cursor(rows, row, from: 3)
            let to = cursor.until.map { $0 + 1 }
            return OpenedSpan(
                span: FeedSpan(cursor: cursor.id, endpoint: cursor.endpoint, from: rows.int64(row, 2), to: to),
                cursor: cursor)
        }
        return (version, opened)
    }

    private static let close = Statement(
        "cursors.close", "select o_refused, o_version, o_to from fanfare.close_spans_v1($1, $2, $3)")

    /// Closes spans at the head.
    ///
    /// - Returns: the configuration version, and for each cursor the first position behind its span; nil where the epoch is
    ///   not ours.
    public func close(
        _ cursors: [(id: CursorID, lane: Int, epoch: Int64)]
    ) async throws(DatabaseError) -> (configVersion: Int64, ends: [Int64?]) {
        let rows = try await database.execute(
            Self.close,
            Parameters {
                $0.add(texts: cursors.map(\.id.description))
                $0.add(parts: cursors.map(\.lane))
                $0.add(int64s: cursors.map(\.epoch))
            })
        var version: Int64 = 0
        let ends = (0..<rows.count).map { row -> Int64? in
            version = rows.int64(row, 1)
            return rows.bool(row, 0) ? nil : rows.optionalInt64(row, 2)
        }
        return (version, ends)
    }

    private static let record = Statement(
        "cursors.record",
        "select o_id, o_state from fanfare.record_cursors_v1($1, $2, $3, $4, $5, $6, $7, $8)")

    public func record(_ progress: [CursorProgress]) async throws(DatabaseError) -> [CursorID: CursorState] {
        if progress.isEmpty { return [:] }
        let rows = try await database.execute(
            Self.record,
            Parameters {
                $0.add(texts: progress.map(\.id.description))
                $0.add(parts: progress.map(\.lane))
                $0.add(int64s: progress.map(\.epoch))
                $0.add(int64s: progress.map(\.pos))
                $0.add(int64s: progress.map(\.delivered))
                $0.add(int64s: progress.map(\.retrying))
                $0.add(int64s: progress.map(\.failed))
                $0.add(bools: progress.map(\.isDone))
            })
        var states: [CursorID: CursorState] = [:]
        for row in 0..<rows.count {
            states[rows.identifier(row, 0)] = CursorState(rawValue: rows.text(row, 1)) ?? .active
        }
        return states
    }

    private static let page = Statement(
        "cursors.page",
        """
        select o_pos, o_event, o_type, o_recorded, o_envelope, o_next, o_oldest, o_version, o_edge, o_trace
        from fanfare.cursor_page_v2($1, $2, $3, $4, case when $5 then $6 end, $7, $8, $9, $10)
        """)

    private static let jobPage = Statement(
        "cursors.job-page",
        """
        select o_pos, o_event, o_type, o_recorded, o_envelope, o_next, o_oldest, o_version, o_edge, o_trace
        from fanfare.job_page_v2($11, $1, $2, $3, $4, case when $5 then $6 end, $7, $8, $9, $10)
        """)

    /// Events for a cursor, and how far it has looked; all of one snapshot.
    public func page(_ query: CursorQuery) async throws(DatabaseError) -> CursorPage {
        let rows = try await database.execute(
            query.job == nil ? Self.page : Self.jobPage,
            Parameters {
                $0.add(query.tenant.text)
                $0.add(query.endpoint.description)
                $0.add(query.after)
                $0.add(query.until)
                $0.add(query.families != nil)
                $0.add(texts: query.families ?? [])
                $0.add(query.smith)
                $0.add(Int32(clamping: query.limit))
                $0.add(Int64(query.bytes))
                $0.add(Int32(clamping: query.scan))
                if let job = query.job { $0.add(job) }
            })
        return CursorPage(
            items: (1..<rows.count).map {
                CursorPage.Item(
                    pos: rows.int64($0, 0), event: rows.identifier($0, 1), type: rows.text($0, 2),
                    recordedAt: rows.timestamp($0, 3), envelope: rows.bytes($0, 4), trace: rows.trace($0, 9))
            }, edge: rows.int64(0, 8), next: rows.int64(0, 5), oldest: rows.int64(0, 6),
            configVersion: rows.int64(0, 7))
    }
}
