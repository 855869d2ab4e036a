import Backbone
import Database
import EventModel
import Observability
import PostgresBackbone
import Store
import Synchronization
import TestSupport

/// The backbone on Postgres alone: a database of its own, each process behind a door of its own.
final class PostgresInstallation: BackboneInstallation {
    let database: TestDatabase
    let ownServer: TestPostgres?
    let pool: ConnectionPool
    let partitions = 12
    let lanes = 48
    let keepsAcceptingWithoutStore = false
    let leaseTime: Duration = .milliseconds(1_500)
    let window: PostgresBackboneConfiguration.Window
    private let started = Mutex<[PostgresProcess]>([])

    /// - Parameter ownsServer: for tests that stop it.
    init(ownsServer: Bool = false, window: PostgresBackboneConfiguration.Window = .init()) async throws {
        self.window = window
        if ownsServer {
            let server = try await TestPostgres.start()
            ownServer = server
            database = TestDatabase(server: server, name: "postgres")
            let pool = database.pool(connections: 1)
            try await Migrator(Schema.migrations, logger: TestDatabase.logger).migrate(pool)
            await pool.shutdown()
        } else {
            ownServer = nil
            database = try await TestDatabase.make(migrations: Schema.migrations)
        }
        pool = database.pool()
    }

    func process(_ name: String) async throws -> PostgresProcess {
        let proxy = try TestProxy(to: .unix("\(database.server.folder)/.s.PGSQL.5432"))
        var configuration = PostgresBackboneConfiguration(
            database: DatabaseConfiguration(
                dsn:
                    "host=127.0.0.1 port=\(proxy.port) user=postgres dbname=\(database.name) sslmode=disable gssencmode=disable"
            ),
            member: name, eventPartitions: partitions, lanePartitions: lanes)
        configuration.lease = .init(
            timeToLive: leaseTime, renewal: .milliseconds(300), margin: .milliseconds(300))
        configuration.window = window
        let process = PostgresProcess(configuration, proxy)
        started.withLock { $0.append(process) }
        return process
    }

    func feed() async throws -> [FeedEntry] {
        let rows = try await pool.execute(Self.feedStatement)
        return (0..<rows.count).map { FeedEntry(pos: rows.int64($0, 0), id: rows.identifier($0, 1)) }
    }

    private static let feedStatement = Statement("test.feed", "select pos, event_id from fanfare.events order by pos")

    func auditRows() async throws -> Int { try await count(Self.auditStatement) }
    func deadLetters() async throws -> Int { try await count(Self.letterStatement) }
    func dueRows() async throws -> Int { try await count(Self.dueStatement) }
    func laneRows() async throws -> Int { try await count(Self.laneStatement) }

    private func count(_ statement: Statement) async throws -> Int { try await pool.execute(statement).int(0, 0) }

    private static let auditStatement = Statement("test.audit", "select count(*) from fanfare.webhook_audit")
    private static let letterStatement = Statement("test.letters", "select count(*) from fanfare.dead_letters")
    private static let dueStatement = Statement("test.due", "select count(*) from fanfare.due")
    private static let laneStatement = Statement("test.lanes", "select count(*) from fanfare.lanes")

    func stopStore() async throws { try await database.server.stop(.immediate) }
    func startStore() async throws { try await database.server.startAgain() }

    func close() async {
        for process in started.withLock({ $0 }) { await process.kill() }
        await pool.shutdown()
        do {
            if let ownServer { try await ownServer.stop(.immediate) } else { try await database.drop() }
        } catch {
            print("a test's installation was left behind: \(error)")
        }
    }
}

final class PostgresProcess: BackboneProcess {
    let configuration: PostgresBackboneConfiguration
    let postgresLog: PostgresEventLog
    let postgresFanOut: PostgresFanOut
    let postgresLanes: PostgresLanes
    let proxy: TestProxy
    private let tasks = Mutex<[Role: Task<Void, any Error>]>([:])

    var log: any EventLog { postgresLog }
    var fanOut: any FanOut { postgresFanOut }
    var lanes: any DeliveryLanes { postgresLanes }
    var database: DatabaseConfiguration { configuration.database }

    init(_ configuration: PostgresBackboneConfiguration, _ proxy: TestProxy) {
        self.configuration = configuration
        self.proxy = proxy
        let logger = TestDatabase.logger
        postgresLog = PostgresEventLog(configuration, logger: logger, metrics: MetricsRegistry())
        postgresFanOut = PostgresFanOut(configuration, logger: logger, metrics: MetricsRegistry())
        postgresLanes = PostgresLanes(configuration, logger: logger, metrics: MetricsRegistry())
    }

    func start(_ roles: Role...) async throws {
        for role in roles {
            let task = Task<Void, any Error> { [self] in
                switch role {
                case .log: try await log.run()
                case .fanOut: try await fanOut.run()
                case .lanes: try await lanes.run()
                }
            }
            tasks.withLock { $0[role] = task }
        }
        try await eventually("\(roles) are ready") {
            roles.allSatisfy { role in
                switch role {
                case .log: log.isReady
                case .fanOut: fanOut.isReady
                case .lanes: lanes.isReady
                }
            }
        }
    }

    func shutdown(_ role: Role) async {
        switch role {
        case .log: await log.shutdown()
        case .fanOut: await fanOut.shutdown()
        case .lanes: await lanes.shutdown()
        }
        tasks.withLock { $0[role] = nil }
    }

    func kill() async {
        let running = tasks.withLock { tasks in
            defer { tasks = [:] }
            return Array(tasks.values)
        }
        for task in running { task.cancel() }
        proxy.close()
        for task in running { _ = await task.result }
    }

    func pause() async { proxy.pause() }
    func resume() async { proxy.resume() }
}
