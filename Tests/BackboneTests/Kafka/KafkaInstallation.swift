import Backbone
import Database
import EventModel
import KafkaBackbone
import Observability
import Store
import Synchronization
import TestSupport

/// The backbone on Kafka: topics and a database of its own, each process behind doors of its own.
final class KafkaInstallation: BackboneInstallation {
    let cluster: KafkaCluster
    let database: TestDatabase
    let ownServer: TestPostgres?
    let pool: ConnectionPool
    let topics: KafkaTopics
    let partitions = 4
    let lanes = 8
    let keepsAcceptingWithoutStore = true
    let leaseTime: Duration = .seconds(2)
    let window: KafkaBackboneConfiguration.Window
    private let projector: AuditProjector
    private let projecting: Task<Void, any Error>
    private let started = Mutex<[KafkaProcess]>([])

    private static let last = Atomic<Int>(0)

    /// - Parameters:
    ///   - ownsServer: for tests that stop the database.
    ///   - ownsCluster: for tests that stop the broker.
    init(
        ownsServer: Bool = false, ownsCluster: Bool = false, window: KafkaBackboneConfiguration.Window = .init()
    ) async throws {
        guard let cluster = ownsCluster ? try await KafkaCluster.make() : try await KafkaCluster.shared() else {
            throw NoKafka()
        }
        self.cluster = cluster
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
        topics = KafkaTopics(
            prefix: "t\(Self.last.wrappingAdd(1, ordering: .relaxed).newValue).", eventPartitions: partitions,
            lanePartitions: lanes, auditPartitions: 2)
        let projector = AuditProjector(
            KafkaBackboneConfiguration(
                connection: KafkaConnection(bootstrapServers: cluster.address), member: "projector",
                database: database.configuration(), topics: topics), logger: Self.logger, metrics: MetricsRegistry())
        self.projector = projector
        projecting = Task { try await projector.run() }
        try await eventually("the projector is ready", within: .seconds(120)) { projector.isReady }
    }

    static let logger = Logger(
        service: "tests", level: TestFolders.environment("FANFARE_TEST_LOG") == nil ? .error : .debug)

    func process(_ name: String) async throws -> KafkaProcess {
        try await process(name, usesDoors: true)
    }

    /// - Parameter usesDoors: false where nothing but time is looked at: doors cost some.
    func process(_ name: String, usesDoors: Bool) async throws -> KafkaProcess {
        let brokers = cluster.door()
        let store = try TestProxy(to: .unix("\(database.server.folder)/.s.PGSQL.5432"))
        var configuration = KafkaBackboneConfiguration(
            connection: KafkaConnection(
                bootstrapServers: usesDoors ? "127.0.0.1:\(brokers.port)" : cluster.address, clientID: name),
            member: name, database: database.configuration(), topics: topics)
        if usesDoors {
            configuration.database.dsn =
                "host=127.0.0.1 port=\(store.port) user=postgres dbname=\(database.name) sslmode=disable gssencmode=disable"
        }
        configuration.membership = .init(
            sessionTimeout: leaseTime, heartbeat: .milliseconds(200), margin: .milliseconds(300))
        configuration.window = window
        // A busy machine is no reason to fail.
        configuration.appending.lookUpLimit = .seconds(2)
        let process = try KafkaProcess(configuration, brokers: brokers, store: store)
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
    func parkedRecords() async throws -> Int { try await count(Self.parkedStatement) }

    private func count(_ statement: Statement) async throws -> Int { try await pool.execute(statement).int(0, 0) }

    private static let auditStatement = Statement("test.audit", "select count(*) from fanfare.webhook_audit")
    private static let letterStatement = Statement("test.letters", "select count(*) from fanfare.dead_letters")
    private static let parkedStatement = Statement("test.parked", "select count(*) from fanfare.parked_records")

    /// Nil while the database is away.
    func auditRowsIfReachable() async -> Int? {
        do {
            return try await auditRows()
        } catch {
            return nil
        }
    }

    func stopStore() async throws { try await database.server.stop(.immediate) }
    func startStore() async throws { try await database.server.startAgain() }

    func close() async {
        for process in started.withLock({ $0 }) { await process.kill() }
        await projector.shutdown()
        projecting.cancel()
        await pool.shutdown()
        do {
            let admin = try KafkaAdmin(
                KafkaConnection(bootstrapServers: cluster.address), log: Self.logger, metrics: MetricsRegistry())
            try await admin.delete(topics.all)
            admin.shutdown()
            if let ownServer { try await ownServer.stop(.immediate) } else { try await database.drop() }
        } catch {
            print("a test's installation was left behind: \(error)")
        }
    }
}

final class KafkaProcess: BackboneProcess {
    let configuration: KafkaBackboneConfiguration
    let kafkaLog: KafkaEventLog
    let kafkaFanOut: KafkaFanOut
    let kafkaLanes: KafkaLanes
    let brokers: TestProxy
    let store: TestProxy
    private let tasks = Mutex<[Role: Task<Void, any Error>]>([:])
    private let isKilled = Atomic(false)

    var log: any EventLog { kafkaLog }
    var fanOut: any FanOut { kafkaFanOut }
    var lanes: any DeliveryLanes { kafkaLanes }
    var database: DatabaseConfiguration { configuration.database }

    init(_ configuration: KafkaBackboneConfiguration, brokers: TestProxy, store: TestProxy) throws {
        self.configuration = configuration
        self.brokers = brokers
        self.store = store
        let logger = KafkaInstallation.logger
        kafkaLog = try KafkaEventLog(configuration, logger: logger, metrics: MetricsRegistry())
        kafkaFanOut = try KafkaFanOut(configuration, logger: logger, metrics: MetricsRegistry())
        kafkaLanes = try KafkaLanes(configuration, logger: logger, metrics: MetricsRegistry())
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
        try await eventually("\(roles) are ready", within: .seconds(30)) {
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
        guard !isKilled.exchange(true, ordering: .relaxed) else { return }
        // Nothing gets out any more, as from a process that is gone: no offset, no goodbye.
        brokers.pause()
        let running = tasks.withLock { tasks in
            defer { tasks = [:] }
            return Array(tasks.values)
        }
        for task in running { task.cancel() }
        store.close()
        // The sockets of a process that is gone are closed. Kept open, its client would wait for answers for a minute, on a
        // core of its own.
        brokers.cut()
        for task in running { _ = await task.result }
    }

    func pause() async {
        brokers.pause()
        store.pause()
    }

    func resume() async {
        brokers.resume()
        store.resume()
    }
}

/// The suites are left out where there is none.
struct NoKafka: Error {}
