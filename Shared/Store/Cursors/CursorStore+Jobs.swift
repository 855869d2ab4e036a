public import Database
public import EventModel

/// The side of whoever starts jobs.
extension CursorStore {
    private static let add = Statement(
        "cursors.add",
        """
        with made as (
            insert into fanfare.cursors (id, kind, tenant_id, endpoint_id, part, cause, from_pos, until_pos, pos, types,
                smith_id, rate_per_s)
            values ($1, 'job', $2, $3, $4, $5, $6 + 1, $7, $6, $8, $9, $10)
            on conflict (id) do nothing
            returning 1
        )
        select (select count(*) from made), pg_notify('\(channel)', '')::text
        """)

    /// Adds job cursors, which their lanes' owners start on within a second. One whose id is known already changes nothing.
    ///
    /// - Precondition: `kind` is `job` and `until` is set.
    public func add(_ cursors: [DeliveryCursor]) async throws(DatabaseError) {
        for cursor in cursors {
            precondition(cursor.kind == .job && cursor.until != nil, "spans are opened by their owners")
            try await execute(
                Self.add,
                Parameters {
                    $0.add(cursor.id.description)
                    $0.add(cursor.tenant.text)
                    $0.add(cursor.endpoint.description)
                    $0.add(Int32(cursor.lane))
                    $0.add(cursor.cause.description)
                    $0.add(cursor.pos)
                    $0.add(cursor.until)
                    $0.add(texts: cursor.types)
                    $0.add(cursor.smith)
                    $0.add(cursor.ratePerSecond)
                })
        }
    }

    private static let cancel = Statement(
        "cursors.cancel",
        """
        with ended as (
            update fanfare.cursors set state = 'cancelled', updated_at = now()
            where cause = $1 and kind = 'job' and state = 'active' returning 1
        )
        select (select count(*) from ended), pg_notify('\(channel)', '')::text
        """)

    /// Ends a job's cursors: nothing more is read. What is under way or waits for another attempt goes on.
    ///
    /// - Returns: how many were active.
    @discardableResult
    public func cancel(cause: Cause) async throws(DatabaseError) -> Int {
        try await execute(Self.cancel, Parameters { $0.add(cause.description) }).int(0, 0)
    }

    /// What a job has done so far, over all of its cursors.
    public struct Summary: Sendable, Hashable {
        public var cursors: Int
        public var active: Int
        public var cancelled: Int
        public var delivered: Int64
        public var retrying: Int64
        public var failed: Int64
        /// The lowest position that an active cursor has settled; nil when none is active.
        public var pos: Int64?
        public var until: Int64?
    }

    private static let summary = Statement(
        "cursors.summary",
        """
        select count(*), count(*) filter (where state = 'active'), count(*) filter (where state = 'cancelled'),
            coalesce(sum(delivered), 0)::bigint, coalesce(sum(retrying), 0)::bigint, coalesce(sum(failed), 0)::bigint,
            min(pos) filter (where state = 'active'), max(until_pos)
        from fanfare.cursors where cause = $1 and kind = 'job'
        """)

    public func summary(cause: Cause) async throws(DatabaseError) -> Summary {
        let rows = try await execute(Self.summary, Parameters { $0.add(cause.description) })
        return Summary(
            cursors: rows.int(0, 0), active: rows.int(0, 1), cancelled: rows.int(0, 2), delivered: rows.int64(0, 3),
            retrying: rows.int64(0, 4), failed: rows.int64(0, 5), pos: rows.optionalInt64(0, 6),
            until: rows.optionalInt64(0, 7))
    }
}
