internal import Database
internal import Observability
internal import Store

/// A connection to Postgres for the length of one command.
enum DatabaseSession {
    /// Opens it, runs `body`, closes it.
    static func with<Value: Sendable>(
        dsn: String, _ body: (ConnectionPool) async throws -> Value
    ) async throws -> Value {
        let pool = ConnectionPool(
            DatabaseConfiguration(dsn: dsn, connections: 1, applicationName: "fanfare"), name: "tool", logger: .silent,
            metrics: MetricsRegistry())
        do {
            let value = try await body(pool)
            await pool.shutdown()
            return value
        } catch {
            await pool.shutdown()
            throw error
        }
    }

    /// Opens it for a command that reads or writes what Fanfare keeps there: only where this program knows its schema.
    ///
    /// - Throws: `ToolError` that says what to do.
    static func withSchema<Value: Sendable>(
        dsn: String, _ body: (ConnectionPool) async throws -> Value
    ) async throws -> Value {
        try await with(dsn: dsn) { pool in
            switch try await Schema.fit(pool) {
            case .fits: return try await body(pool)
            case .behind(let problem), .ahead(let problem): throw ToolError(.environment, problem)
            }
        }
    }

    /// Brings the schema forward.
    ///
    /// - Returns: what was applied, `1 feed` and so on.
    static func migrate(_ pool: ConnectionPool) async throws -> [String] {
        let applied = try await Migrator(Schema.migrations, logger: .silent).migrate(pool)
        try await Maintenance.adoptCluster(pool)
        return applied.map { "\($0.version) \($0.name)" }
    }
}

extension Logger {
    /// The tool speaks to a person, not to a log.
    static let silent = Logger(service: "fanfare", level: .error, sink: NoSink())
}

private struct NoSink: LogSink {
    func write(_ line: [UInt8]) {}
}
