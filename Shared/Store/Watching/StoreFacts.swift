internal import Database
internal import Observability

/// What one look at the store finds.
struct StoreFacts: Sendable {
    struct Table: Sendable {
        var name: String
        var bytes: Double
        var rows: Double?
        var deadRows: Double?
    }

    var feedPositions = 0.0
    var configurationVersion = 0.0
    /// Age of the oldest row, by table; 0 where there is none.
    var oldest: [String: Double] = [:]
    var parked = 0.0
    var lockWaits = 0.0
    var longestLockWait = 0.0
    var longestTransaction = 0.0
    var connections = 0.0
    var connectionLimit = 0.0
    var transactionAge = 0.0
    var lag: [PipelineStage: [PartitionLag]] = [:]
    /// Nil where nobody looked.
    var tables: [Table]?
    var databaseBytes: Double?

    init(_ connection: BlockingConnection, backbone: StoreWatch.Backbone, looksAtSizes: Bool) throws {
        let head = try connection.execute(WatchStatements.head)
        feedPositions = Double(head.int64(0, 0))
        configurationVersion = Double(head.int64(0, 1))
        parked = Double(head.int64(0, 2))
        for (column, table) in ["events", "webhook_audit", "dead_letters"].enumerated() {
            oldest[table] = max(0, head.optionalDouble(0, 3 + column) ?? 0)
        }
        let sessions = try connection.execute(WatchStatements.sessions)
        connections = Double(sessions.int64(0, 0))
        connectionLimit = Double(sessions.int64(0, 1))
        longestTransaction = max(0, sessions.double(0, 2))
        lockWaits = Double(sessions.int64(0, 3))
        longestLockWait = max(0, sessions.double(0, 4))
        transactionAge = Double(sessions.int64(0, 5))
        if backbone == .postgres {
            lag[.fanOut] = Self.lag(try connection.execute(WatchStatements.fanOutLag))
            lag[.deliver] = Self.lag(try connection.execute(WatchStatements.laneLag))
            lag[.retry] = Self.lag(try connection.execute(WatchStatements.retryLag))
        }
        if looksAtSizes {
            databaseBytes = Double(try connection.execute(WatchStatements.databaseSize).int64(0, 0))
            let sizes = try connection.execute(WatchStatements.sizes)
            tables = (0..<sizes.count).map { row in
                Table(
                    name: sizes.text(row, 0), bytes: Double(sizes.int64(row, 1)),
                    rows: sizes.optionalInt64(row, 2).map(Double.init),
                    deadRows: sizes.optionalInt64(row, 3).map(Double.init))
            }
        }
    }

    /// Columns: part, records, seconds.
    private static func lag(_ rows: Rows) -> [PartitionLag] {
        (0..<rows.count).map { row in
            PartitionLag(
                partition: Int(rows.int32(row, 0)), records: rows.int(row, 1), seconds: rows.double(row, 2))
        }
    }
}
