public import Observability

/// Brings the schema forward, one version after the other; there is no way back.
///
/// Any number may run at once: an advisory lock lets one work while the others wait, and those find nothing to do. A
/// database with versions that this program does not know is refused.
public struct Migrator: Sendable {
    /// What `check` finds.
    public enum State: Sendable, Hashable {
        case current
        /// Versions to apply.
        case pending([Int])
        /// The newest version there, which this program does not know.
        case tooNew(Int)
    }

    private let migrations: [Migration]
    private let logger: Logger

    /// "fanfare" in ASCII: the key of the advisory lock.
    static let lockKey: Int64 = 0x66_61_6E_66_61_72_65
    /// How often a step that found a table locked for `lockTimeout` is tried; each attempt waits that long itself.
    static let attempts = 15

    /// - Parameter migrations: in rising order of versions.
    public init(_ migrations: [Migration], logger: Logger) {
        let versions = migrations.map(\.version)
        precondition(zip([0] + versions, versions).allSatisfy(<), "versions rise from 1")
        self.migrations = migrations
        self.logger = logger
    }

    /// Compares the schema with what this program knows; changes nothing.
    public func check(_ pool: some StatementExecutor) async throws(DatabaseError) -> State {
        guard try await pool.execute(Self.tableExists).bool(0, 0) else {
            return state(applied: [])
        }
        return state(applied: Self.versions(in: try await pool.execute(Self.applied)))
    }

    /// Applies what is pending and tells which that was.
    ///
    /// - Throws: `DatabaseError`: `.schema` if the schema is newer than this program, or what a step met.
    @discardableResult
    public func migrate(_ pool: some StatementExecutor) async throws -> [Migration] {
        try await pool.perform { connection in
            // Waiting for another migrator may take longer than any statement of ours.
            try connection.withLimits(statement: nil, lock: nil) {
                try connection.holdingLock(Self.lockKey) { try apply(on: connection) }
            }
        }
    }

    private func apply(on connection: BlockingConnection) throws -> [Migration] {
        try connection.script(Self.bookkeeping)
        let pending: [Migration]
        switch state(applied: Self.versions(in: try connection.execute(Self.applied))) {
        case .current: return []
        case .pending(let versions):
            pending = migrations.filter { versions.contains($0.version) }
        case .tooNew(let version):
            throw DatabaseError(
                .schema,
                "the schema has version \(version); this program knows \(migrations.last?.version ?? 0) and older")
        }
        for migration in pending { try apply(migration, on: connection) }
        return pending
    }

    private func apply(_ migration: Migration, on connection: BlockingConnection) throws {
        var attempt = 1
        while true {
            do {
                try connection.transaction {
                    // A step that waits for a table makes everybody else wait behind it: not for long.
                    try connection.script("set local lock_timeout = '2s'; " + migration.sql)
                    try connection.execute(
                        Self.record,
                        Parameters {
                            $0.add(Int64(migration.version))
                            $0.add(migration.name)
                        })
                }
                logger.info(
                    "migration applied", ["version": .int(migration.version), "name": .string(migration.name)])
                return
            } catch let error as DatabaseError where error.sqlState == "55P03" && attempt < Self.attempts {
                attempt += 1
                logger.warning("migration waits for a table", ["version": .int(migration.version)])
            }
        }
    }

    private func state(applied: Set<Int>) -> State {
        let known = Set(migrations.map(\.version))
        if let newest = applied.subtracting(known).max() { return .tooNew(newest) }
        let missing = migrations.map(\.version).filter { !applied.contains($0) }
        return missing.isEmpty ? .current : .pending(missing)
    }

    private static func versions(in rows: Rows) -> Set<Int> {
        Set((0..<rows.count).map { rows.int($0, 0) })
    }

    private static let tableExists = Statement(
        "migrator.exists", "select to_regclass('fanfare.schema_migrations') is not null")
    private static let applied = Statement("migrator.applied", "select version from fanfare.schema_migrations")
    private static let record = Statement(
        "migrator.record", "insert into fanfare.schema_migrations (version, name) values ($1, $2)")
    private static let bookkeeping = """
        create schema if not exists fanfare;
        create table if not exists fanfare.schema_migrations (
            version bigint primary key,
            name text not null,
            applied_at timestamptz not null default now())
        """
}

extension BlockingConnection {
    private static let lock = Statement("database.lock", "select pg_advisory_lock($1)")
    private static let unlock = Statement("database.unlock", "select pg_advisory_unlock($1)")

    /// Runs `body` while this session holds an advisory lock, after waiting for it. A lost connection loses the lock, and
    /// then every further statement in `body` fails.
    func holdingLock<Value>(_ key: Int64, _ body: () throws -> Value) throws -> Value {
        try pin()
        defer { unpin() }
        try execute(Self.lock, Parameters { $0.add(key) })
        let value: Value
        do {
            value = try body()
        } catch {
            releaseLock(key)
            throw error
        }
        releaseLock(key)
        return value
    }

    private func releaseLock(_ key: Int64) {
        do {
            try execute(Self.unlock, Parameters { $0.add(key) })
        } catch {
            // The end of the session releases it.
            close()
        }
    }
}
