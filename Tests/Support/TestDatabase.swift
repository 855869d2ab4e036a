public import Database
public import Observability
internal import Synchronization

/// An empty database of a test's or suite's own in the shared cluster.
///
/// ```swift
/// @Suite(.database(migrations: Schema.migrations)) struct EventStoreTests {
///     @Test func `…`() async throws {
///         let pool = TestDatabase.current.pool()
/// ```
public struct TestDatabase: Sendable {
    public let server: TestPostgres
    public let name: String

    public init(server: TestPostgres, name: String) {
        self.server = server
        self.name = name
    }

    /// The database of the suite that runs; see `Trait.database`.
    public static var current: TestDatabase {
        guard let database = scoped else { preconditionFailure("the suite lacks the trait .database()") }
        return database
    }

    @TaskLocal static var scoped: TestDatabase?

    /// What tests log to: only errors, to standard error.
    public static let logger = Logger(service: "tests", level: .error)

    /// For tests that provoke errors and do not look at the log.
    public static let quietLogger = Logger(service: "tests", level: .error, sink: CapturingLogSink())

    public var dsn: String { server.dsn(database: name) }

    public func configuration(connections: Int = 2) -> DatabaseConfiguration {
        DatabaseConfiguration(dsn: dsn, connections: connections, applicationName: name)
    }

    /// A pool of its own for a test; its connections close with the last reference.
    public func pool(
        connections: Int = 2, logger: Logger = TestDatabase.logger, metrics: MetricsRegistry = MetricsRegistry()
    ) -> ConnectionPool {
        ConnectionPool(configuration(connections: connections), name: "test", logger: logger, metrics: metrics)
    }

    /// Makes a database, from a template if there are migrations: those run once a process.
    public static func make(migrations: [Migration] = []) async throws -> TestDatabase {
        let server = try await TestPostgres.shared()
        let template = try await template(migrations, server)
        return try await create("test_\(nextNumber())", template: template, on: server)
    }

    /// Removes the database with everybody who is connected to it.
    public func drop() async throws {
        try await Self.administer(server, "drop database if exists \"\(name)\" with (force)")
    }

    // MARK: -

    private static let numbers = Atomic<Int>(0)
    private static let templates = Mutex<[[Migration]: AsyncOnce<String>]>([:])
    private static let administrator = AsyncOnce {
        ConnectionPool(
            DatabaseConfiguration(dsn: try await TestPostgres.shared().dsn(), connections: 1), name: "admin",
            logger: logger, metrics: MetricsRegistry())
    }

    private static func nextNumber() -> Int { numbers.wrappingAdd(1, ordering: .relaxed).newValue }

    private static func template(_ migrations: [Migration], _ server: TestPostgres) async throws -> String {
        guard !migrations.isEmpty else { return "template0" }
        let once = templates.withLock { templates in
            let once =
                templates[migrations]
                ?? AsyncOnce {
                    let database = try await create("template_\(nextNumber())", template: "template0", on: server)
                    let pool = database.pool(connections: 1)
                    try await Migrator(migrations, logger: logger).migrate(pool)
                    // A template can only be copied while nobody is connected to it.
                    await pool.shutdown()
                    return database.name
                }
            templates[migrations] = once
            return once
        }
        return try await once.value()
    }

    private static func create(
        _ name: String, template: String, on server: TestPostgres
    ) async throws -> TestDatabase {
        try await administer(server, "create database \"\(name)\" template \"\(template)\"")
        return TestDatabase(server: server, name: name)
    }

    private static func administer(_ server: TestPostgres, _ sql: String) async throws {
        try await administrator.value().perform { connection in
            try connection.withLimits(statement: .seconds(60), lock: .seconds(60)) { try connection.script(sql) }
        }
    }
}
