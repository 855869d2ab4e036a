public import Observability

/// Brings the schema forward, one version after the other; there is no way back.
///
/// Any number may run at once: an advisory lock lets one work while the others wait, and those find nothing to do. A
/// database with versions that this program does not know is left as it is where they only added to it, and refused where
/// they need newer programs.
public struct Migrator: Sendable {
    /// What `check` finds.
    public enum State: Sendable, Hashable {
        case current
        /// Versions to apply.
        case pending([Int])
        /// Newer versions were applied, of which this is the newest, and none of them minds programs that know them not.
        case newer(Int)
        /// The newest version there; programs have to know at least the version `needs`.
        case tooNew(Int, needs: Int)
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
            return state(applied: [:])
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
        case .current, .newer: return []
        case .pending(let versions):
            pending = migrations.filter { versions.contains($0.version) }
        case .tooNew(let version, let needs):
            throw DatabaseError(
                .schema,
                "the schema has version \(version), for programs that know version \(needs); this one knows "
                    + "\(migrations.last?.version ?? 0) and older")
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
                            $0.add(Int64(migration.compatibleFrom))
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

    /// - Parameter applied: `compatibleFrom` by version.
    private func state(applied: [Int: Int]) -> State {
        let known = Set(migrations.map(\.version))
        let missing = migrations.map(\.version).filter { applied[$0] == nil }
        guard let newest = applied.keys.filter({ !known.contains($0) }).max() else {
            return missing.isEmpty ? .current : .pending(missing)
        }
        // With holes it is not a later state of ours but another line's: nobody can say what is in it.
        guard missing.isEmpty else { return .tooNew(newest, needs: newest) }
        let needs = applied.values.max() ?? 0
        return needs <= migrations.last?.version ?? 0 ? .newer(newest) : .tooNew(newest, needs: needs)
    }

    private static func versions(in rows: Rows) -> [Int: Int] {
        Dictionary((0..<rows.count).map { (rows.int($0, 0), rows.int($0, 1)) }) { first, _ in first }
    }

    private static let tableExists = Statement(
        "migrator.exists", "select to_regclass('fanfare.schema_migrations') is not null")
    private static let applied = Statement(
        "migrator.applied",
        // Not by the column's name: it is younger than the table.
        """
        select version, coalesce((to_jsonb(m) ->> 'compatible_from')::bigint, 0) from fanfare.schema_migrations m
        """)
    private static let record = Statement(
        "migrator.record",
        "insert into fanfare.schema_migrations (version, name, compatible_from) values ($1, $2, $3)")
    private static let bookkeeping = """
        create schema if not exists fanfare;
        create table if not exists fanfare.schema_migrations (
            version bigint primary key,
            name text not null,
            applied_at timestamptz not null default now(),
            compatible_from bigint not null default 0);
        do $$ begin
            if not exists (select from pg_attribute where attrelid = 'fanfare.schema_migrations'::regclass
                and attname = 'compatible_from' and not attisdropped) then
                alter table fanfare.schema_migrations add column compatible_from bigint not null default 0;
            end if;
        end $$
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
