internal import Database
internal import EventModel
internal import Observability
internal import ServiceKit
internal import Signing
internal import Store

/// Brings a cluster that was started to where the services can use it: taking connections, with our database, its schema,
/// and a first tenant.
struct PostgresSetup: Sendable {
    let cluster: PostgresCluster
    let console: Console

    /// After kill -9 of a busy server its log has to be replayed first.
    private static let limit = Duration.seconds(120)
    private static let silence = Duration.seconds(3)
    private static let intervals = (first: Duration.milliseconds(10), longest: Duration.milliseconds(200))

    /// Returns once the server takes connections.
    func waitForServer(_ process: ProcessIdentity, until stop: ShutdownSignal) async throws(ToolError) {
        let start = ContinuousClock.now
        var hasTold = false
        var interval = Self.intervals.first
        while await !takesConnections() {
            guard process.isAlive else {
                throw ToolError(.startFailed, "PostgreSQL ended while it started" + excerpt)
            }
            if stop.isRequested { throw ToolError(.interrupted, "interrupted") }
            let waited = start.duration(to: .now)
            if waited > Self.silence, !hasTold {
                hasTold = true
                console.progress("  PostgreSQL is not ready yet; it may be recovering")
            }
            guard waited < Self.limit else {
                throw ToolError(.startFailed, "PostgreSQL takes no connections" + excerpt)
            }
            do { try await Task.sleep(for: interval) } catch { throw ToolError(.interrupted, "interrupted") }
            interval = min(interval * 2, Self.intervals.longest)
        }
    }

    var excerpt: String {
        let path = cluster.folder.postgresLog
        return ". The end of \(path):\n  " + Files.lastLines(path, 8).joined(separator: "\n  ")
    }

    private func takesConnections() async -> Bool {
        let dsn = cluster.dsn(database: "postgres")
        return await OwnThread.run("pg-probe") {
            let connection = BlockingConnection(
                DatabaseConfiguration(dsn: dsn, applicationName: "fanfare up"), name: "probe", logger: .silent,
                metrics: MetricsRegistry())
            defer { connection.close() }
            do {
                try connection.connect()
                return true
            } catch {
                return false
            }
        }
    }

    /// Makes the database where there is none, and brings its schema forward.
    ///
    /// - Returns: the names of the migrations that were applied.
    func prepareDatabase() async throws -> [String] {
        try await DatabaseSession.with(dsn: cluster.dsn(database: "postgres")) { pool in
            let isThere = try await pool.execute(
                Statement("tool.database", "select exists (select from pg_database where datname = $1)"),
                Parameters { $0.add(PostgresCluster.database) }
            ).bool(0, 0)
            if !isThere { try await pool.script("create database \(PostgresCluster.database)", timeout: .seconds(60)) }
        }
        return try await DatabaseSession.with(dsn: cluster.dsn()) { pool in
            try await pool.script("create extension if not exists pg_stat_statements")
            return try await DatabaseSession.migrate(pool)
        }
    }

    /// Makes a tenant, a workspace and tokens.
    func makeAccess() async throws -> InstallationAccess {
        try await DatabaseSession.with(dsn: cluster.dsn()) { pool in
            let now = SystemClock().now()
            let tenant = TenantID(Ulid.random(at: now))
            guard try await TenantStore(pool).create(tenant, name: "First tenant") != nil,
                let workspace = try await WorkspaceStore(pool).create(
                    WorkspaceID.make(at: now), tenant: tenant, name: "First workspace"),
                let admin = try await TokenStore(pool).create(
                    tenant: tenant, scopes: .tenantAdmin, label: "fanfare up", now: now),
                let operating = try await TokenStore(pool).create(
                    tenant: nil, scopes: .operator, label: "fanfare up", now: now)
            else { throw ToolError(.startFailed, "the first tenant vanished while it was made") }
            return InstallationAccess(
                tenant: tenant.text, workspace: workspace.id.description, token: admin.token.text,
                operatorToken: operating.token.text)
        }
    }

    /// Whether the tenant is still there: a database that was replaced knows nothing of the tokens in our file.
    func knows(_ access: InstallationAccess) async throws -> Bool {
        guard let tenant = TenantID(access.tenant) else { return false }
        return try await DatabaseSession.with(dsn: cluster.dsn()) { pool in
            try await TenantStore(pool).find(tenant) != nil
        }
    }
}
