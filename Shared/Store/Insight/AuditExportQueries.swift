public import Database
public import EventModel

/// Which rows of the audit are exported; nil: all.
public struct AuditExportFilter: Sendable {
    public var tenant: TenantID
    public var direction: String?
    public var endpoint: EndpointID?
    /// An integration's, trigger's or workspace's id.
    public var integration: String?
    /// Begun at or after this.
    public var since: Timestamp?
    /// Begun before this.
    public var until: Timestamp?

    public init(tenant: TenantID) {
        self.tenant = tenant
    }

    func admits(_ row: AuditRow) -> Bool {
        if let since, row.startedAt < since { return false }
        if let until, row.startedAt >= until { return false }
        return (endpoint == nil || row.endpoint == endpoint) && (integration == nil || row.integration == integration)
    }
}

/// Goes through a tenant's audit from the oldest row on, a page at a time, and keeps nothing of what it has given out.
///
///     var export = try await queries.begin(filter, after: nil)
///     while let rows = try await queries.next(&export) { … }
public struct AuditExportQueries: Sendable {
    /// How far an export has got. A value: a page that failed is asked for again with the same one.
    public struct Position: Sendable {
        public let filter: AuditExportFilter
        /// Everything up to here was given out.
        public fileprivate(set) var edge: Int64
        fileprivate let last: Int64
        fileprivate var width: Int64
    }

    private let database: any StatementExecutor
    private let pageRows: Int

    public init(_ database: any StatementExecutor, pageRows: Int = 500) {
        self.database = database
        self.pageRows = pageRows
    }

    /// Rows lie nearly in order of time: by how much they may be off.
    private static let disorder: Int64 = 86_400
    /// Numbers that one statement looks through at first; it grows while pages are empty and shrinks while they are full.
    private static let firstWidth: Int64 = 100_000
    private static let widest: Int64 = 1 << 40
    /// The same where rows of other tenants lie between and must be read.
    private static let narrow: Int64 = 20_000

    private static let head = Statement(
        "audit.head", "select fanfare.audit_head_v1(), fanfare.audit_at_v1($1), fanfare.audit_at_v1($2)")
    private static let writers = Statement(
        "audit.writers", "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    private static let settled = Statement(
        "audit.settled", "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= $1")
    private static let page = Statement(
        "audit.export",
        """
        select (o_row).seq, o_edge, null::boolean, \(AuditQueries.columns(of: "o_row"))
        from fanfare.audit_export_v1($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """)

    /// Where an export begins and ends: it has what was written before this call, and nothing that comes later.
    ///
    /// - Parameter after: The last row that the caller has.
    public func begin(
        _ filter: AuditExportFilter, after: Int64?
    ) async throws(DatabaseError) -> Position {
        let rows = try await database.execute(
            Self.head,
            Parameters {
                $0.add(filter.since?.adding(seconds: -Self.disorder) ?? Timestamp(seconds: 0))
                $0.add(filter.until?.adding(seconds: Self.disorder) ?? Timestamp(seconds: 253_370_764_800))
            })
        return Position(
            filter: filter, edge: max(after ?? 0, rows.int64(0, 1) - 1), last: min(rows.int64(0, 0), rows.int64(0, 2)),
            width: Self.firstWidth)
    }

    /// A mark for `isSettled`: whoever had taken a number of the audit before this call is below it.
    public func writersMark() async throws(DatabaseError) -> Int64 {
        try await database.execute(Self.writers).int64(0, 0)
    }

    /// Whether everybody below the mark has committed or given up.
    public func isSettled(_ mark: Int64) async throws(DatabaseError) -> Bool {
        try await database.execute(Self.settled, Parameters { $0.add(mark) }).bool(0, 0)
    }

    /// The next rows, perhaps none; nil at the end.
    public func next(_ position: inout Position) async throws(DatabaseError) -> [AuditRow]? {
        guard position.edge < position.last else { return nil }
        let filter = position.filter
        let current = position
        let rows = try await database.execute(
            Self.page,
            Parameters {
                $0.add(filter.tenant.text)
                $0.add(filter.direction)
                $0.add(filter.endpoint?.description)
                $0.add(filter.integration)
                $0.add(current.edge)
                $0.add(current.last)
                $0.add(current.width)
                $0.add(Self.narrow)
                $0.add(Int32(clamping: pageRows))
            })
        position.edge = rows.int64(0, 1)
        let found = rows.count - 1
        if found >= pageRows {
            position.width = max(Int64(pageRows), current.width / 2)
        } else if found * 4 < pageRows {
            position.width = min(Self.widest, current.width * 4)
        }
        return (1..<rows.count).map { AuditQueries.row(rows, $0) }.filter(filter.admits)
    }
}
