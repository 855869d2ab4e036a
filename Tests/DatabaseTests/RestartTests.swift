import Database
import Glibc
import Observability
import TestSupport
import Testing

/// On a server of its own, which is stopped and killed here.
@Suite(.serialized, .timeLimit(.minutes(2))) struct RestartTests {
    private static let server = AsyncOnce { try await TestPostgres.start() }
    private static let one = Statement("restart.one", "select 1")
    private static let sleep = Statement("restart.sleep", "select pg_sleep(30)")

    private func pool(connections: Int = 1) async throws -> (TestPostgres, ConnectionPool) {
        let server = try await Self.server.value()
        let configuration = DatabaseConfiguration(
            dsn: server.dsn(), connections: connections, statementTimeout: .seconds(60))
        // Errors are what these tests are about.
        let logger = TestDatabase.quietLogger
        return (server, ConnectionPool(configuration, name: "t", logger: logger, metrics: .init()))
    }

    private func failure(of body: () async throws -> Void) async -> DatabaseError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? DatabaseError
        }
    }

    @Test func `a restart between two statements costs no error`() async throws {
        let (server, pool) = try await pool()
        try await pool.execute(Self.one)
        try await server.restart()
        try await pool.execute(Self.one)
        try await server.restart(.immediate)
        try await pool.execute(Self.one)
        await pool.shutdown()
    }

    @Test func `while the server is away calls fail at once, and go on when it is back`() async throws {
        let (server, pool) = try await pool(connections: 2)
        try await pool.execute(Self.one)
        try await server.stop()
        let started = ContinuousClock.now
        for _ in 0..<200 {
            let error = await failure { try await pool.execute(Self.one) }
            #expect(error?.code == .connection && error?.outcomeUnknown == false && error?.isRetryable == true)
        }
        #expect(started.duration(to: .now) < .seconds(2))
        try await eventually("the loss is noticed") { !pool.isHealthy }
        try await server.startAgain()
        try await eventually("the pool connects by itself") { pool.connectedCount == 2 }
        try await pool.execute(Self.one)
        await pool.shutdown()
    }

    @Test(arguments: [TestPostgres.StopMode.fast, .immediate])
    func `a server that stops in mid-statement leaves its outcome open`(_ mode: TestPostgres.StopMode) async throws {
        let (server, pool) = try await pool(connections: 2)
        async let lost = failure { try await pool.execute(Self.sleep, .none, timeout: .seconds(60)) }
        try await untilSleeping(pool)
        try await server.restart(mode)
        let error = await lost
        #expect(error?.code == .connection && error?.outcomeUnknown == true)
        try await pool.execute(Self.one)
        await pool.shutdown()
    }

    @Test func `a backend that is killed leaves its outcome open, and a transaction's is known`() async throws {
        let (_, pool) = try await pool(connections: 2)
        let terminate = Statement(
            "restart.terminate",
            "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'")
        async let lost = failure { try await pool.execute(Self.sleep, .none, timeout: .seconds(60)) }
        try await untilSleeping(pool)
        try await pool.execute(terminate)
        let error = await lost
        #expect(error?.code == .connection && error?.outcomeUnknown == true && error?.sqlState == "57P01")

        async let within = failure {
            try await pool.transaction { session in
                let inside = await failure { try await session.execute(Self.sleep) }
                #expect(inside?.code == .connection && inside?.outcomeUnknown == false)
                // The session does not go on somewhere else.
                let after = await failure { try await session.execute(Self.one) }
                #expect(after?.code == .connection)
            }
        }
        try await untilSleeping(pool)
        try await pool.execute(terminate)
        #expect(await within?.code == .connection)
        try await pool.execute(Self.one)
        await pool.shutdown()
    }

    @Test func `a crash of the whole server is survived`() async throws {
        let (server, pool) = try await pool()
        try await pool.execute(Self.one)
        try server.kill()
        let error: DatabaseError = try await eventually("the loss is noticed") {
            await failure { try await pool.execute(Self.one) }
        }
        #expect(error.code == .connection)
        try await eventually("its data can be used again") {
            do {
                try await server.startAgain()
                return true
            } catch {
                // Its backends are still ending.
                return false
            }
        }
        try await eventually("connected again") { await failure { try await pool.execute(Self.one) } == nil }
        await pool.shutdown()
    }

    @Test func `listening goes on after a restart, and tells so`() async throws {
        let (server, pool) = try await pool()
        let heard = TestCollector<String>()
        let listener = Listener(
            pool.configuration, channels: ["news"], name: "t", logger: TestDatabase.quietLogger, metrics: .init()
        ) {
            heard.append("\($0):\($1)")
        } onReconnect: {
            heard.append("listening")
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await listener.run() }
            _ = await heard.first(1)
            try await pool.notify("news", "1")
            _ = await heard.first(2)
            try await server.restart()
            _ = await heard.first(3)
            try await pool.notify("news", "2")
            #expect(await heard.first(4) == ["listening", "news:1", "listening", "news:2"])
            group.cancelAll()
        }
        #expect(!listener.isListening)
        await pool.shutdown()
    }

    private func untilSleeping(_ pool: ConnectionPool) async throws {
        let sleeping = Statement(
            "restart.sleeping", "select exists (select from pg_stat_activity where wait_event = 'PgSleep')")
        try await eventually("the statement runs") { try await pool.execute(sleeping).bool(0, 0) }
    }
}
