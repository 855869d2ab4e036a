import Database
import Observability
import TestSupport
import Testing

@Suite(.database()) struct PoolTests {
    let database = TestDatabase.current

    private static let one = Statement("pool.one", "select 1")

    private func code(_ body: () async throws -> Void) async -> DatabaseError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? DatabaseError)?.code ?? .other
        }
    }

    @Test func `a thousand calls share two connections`() async throws {
        let pool = database.pool(connections: 2)
        let statement = Statement("pool.shared", "select $1, pg_backend_pid()")
        let processes = try await withThrowingTaskGroup(of: Int32.self) { group in
            for number in 0..<1000 {
                group.addTask {
                    let rows = try await pool.execute(statement, Parameters { $0.add(number) })
                    #expect(rows.int(0, 0) == number)
                    return rows.int32(0, 1)
                }
            }
            return try await group.reduce(into: Set<Int32>()) { $0.insert($1) }
        }
        #expect(processes.count <= 2)
    }

    @Test func `one call too many is refused at once`() async throws {
        var configuration = database.configuration(connections: 1)
        configuration.maximumWaiting = 2
        let pool = ConnectionPool(configuration, name: "full", logger: TestDatabase.logger, metrics: .init())
        let codes = try await pool.withConnection { _ in
            await withTaskGroup(of: DatabaseError.Code?.self) { group in
                for _ in 0..<5 { group.addTask { await code { try await pool.execute(Self.one) } } }
                var codes: [DatabaseError.Code?] = []
                for _ in 0..<3 { codes.append(await group.next() ?? nil) }
                group.cancelAll()
                for await code in group { codes.append(code) }
                return codes
            }
        }
        #expect(codes == [.exhausted, .exhausted, .exhausted, .cancelled, .cancelled])
        #expect(await code { try await pool.execute(Self.one) } == nil)
    }

    @Test func `waiting for a connection counts towards the limit`() async throws {
        let pool = database.pool(connections: 1)
        let waiting = TestCollector<DatabaseError.Code?>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            try await pool.withConnection { session in
                group.addTask {
                    waiting.append(await code { try await pool.execute(Self.one, .none, timeout: .milliseconds(1)) })
                }
                // Longer than the other may wait.
                try await session.execute(Statement("pool.sleep", "select pg_sleep(0.1)"))
            }
            try await group.waitForAll()
        }
        // Either it was late, or its task began only after the connection was free.
        #expect([.timeout, nil].contains(waiting.values.first))
    }

    @Test func `a session keeps its connection, and what is open is rolled back`() async throws {
        let pool = database.pool(connections: 2)
        try await pool.script("create table kept (x int)")
        try await pool.withConnection { session in
            let pid = Statement("pool.pid", "select pg_backend_pid()")
            let first = try await session.execute(pid).int32(0, 0)
            for _ in 0..<10 { #expect(try await session.execute(pid).int32(0, 0) == first) }
            try await session.script("begin; insert into kept values (1)")
        }
        let count = Statement("pool.kept", "select count(*) from kept")
        // Both connections, since the session's may be either.
        for _ in 0..<4 { #expect(try await pool.execute(count).int(0, 0) == 0) }
        let open = Statement(
            "pool.open",
            "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in%'")
        try await eventually("the transaction is over") { try await pool.execute(open).int(0, 0) == 0 }
    }

    @Test func `a transaction commits, or leaves nothing when its body throws`() async throws {
        struct Refused: Error {}
        let pool = database.pool(connections: 1)
        try await pool.script("create table changed (x int)")
        let insert = Statement("pool.change", "insert into changed values ($1)")
        let count = Statement("pool.changed", "select count(*) from changed")
        try await pool.transaction { session in
            try await session.execute(insert, Parameters { $0.add(Int32(1)) })
        }
        await #expect(throws: Refused.self) {
            try await pool.transaction { session in
                try await session.execute(insert, Parameters { $0.add(Int32(2)) })
                throw Refused()
            }
        }
        #expect(try await pool.execute(count).int(0, 0) == 1)
        await #expect(throws: Refused.self) {
            try await pool.perform { connection in
                try connection.transaction {
                    try connection.execute(insert, Parameters { $0.add(Int32(3)) })
                    throw Refused()
                }
            }
        }
        #expect(try await pool.execute(count).int(0, 0) == 1)
    }

    @Test func `a transaction that failed in between does not pretend to commit`() async throws {
        let pool = database.pool(connections: 1)
        let error = await #expect(throws: DatabaseError.self) {
            try await pool.transaction { session in
                _ = await code { try await session.script("select 1 / 0") }
            }
        }
        #expect(error?.sqlState == "25P02")
        #expect(await code { try await pool.execute(Self.one) } == nil)
    }

    @Test func `shutting down finishes what was asked for, and leaves no connection`() async throws {
        let pool = database.pool(connections: 2)
        let observer = ConnectionPool(
            DatabaseConfiguration(dsn: database.dsn, connections: 1, applicationName: "observer"), name: "observer",
            logger: TestDatabase.logger, metrics: .init())
        let connected = Statement(
            "pool.connected", "select count(*) from pg_stat_activity where application_name = $1")
        let name = Parameters { $0.add("leak check") }
        var configuration = database.configuration(connections: 3)
        configuration.applicationName = "leak check"
        do {
            let pool = ConnectionPool(configuration, name: "t", logger: TestDatabase.logger, metrics: .init())
            try await eventually("all are connected") { pool.connectedCount == 3 }
            #expect(try await observer.execute(connected, name).int(0, 0) == 3)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 { group.addTask { try await pool.execute(Self.one) } }
                try await group.waitForAll()
            }
            await pool.shutdown()
            #expect(await code { try await pool.execute(Self.one) } == .closed)
            #expect(pool.connectedCount == 0)
        }
        try await eventually("shut down") { try await observer.execute(connected, name).int(0, 0) == 0 }
        // And without a shutdown: the last reference goes.
        _ = await code {
            let pool = ConnectionPool(configuration, name: "t", logger: TestDatabase.logger, metrics: .init())
            try await pool.execute(Self.one)
        }
        try await eventually("let go") { try await observer.execute(connected, name).int(0, 0) == 0 }
        await pool.shutdown()
    }

    @Test func `run lives until it is cancelled`() async throws {
        let pool = database.pool(connections: 1)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await pool.run() }
            #expect(await code { try await pool.execute(Self.one) } == nil)
            group.cancelAll()
        }
        #expect(await code { try await pool.execute(Self.one) } == .closed)
    }

    @Test func `rows stream one by one, and the reader can stop`() async throws {
        struct Enough: Error {}
        let pool = database.pool(connections: 1)
        let series = Statement("pool.series", "select generate_series(1, $1), repeat('y', 100)")
        let seen = TestCollector<Int>()
        try await pool.stream(series, Parameters { $0.add(20_000) }) { rows in
            if rows.int(0, 0) % 1000 == 0 { seen.append(rows.int(0, 0)) }
        }
        #expect(seen.values == (1...20).map { $0 * 1000 })
        await #expect(throws: Enough.self) {
            try await pool.stream(series, Parameters { $0.add(100_000_000) }) { rows in
                if rows.int(0, 0) == 10 { throw Enough() }
            }
        }
        await #expect(throws: DatabaseError.self) {
            try await pool.stream(Statement("pool.broken", "select 10 / (5 - x) from generate_series(1, 9) x")) { _ in }
        }
        #expect(await code { try await pool.execute(Self.one) } == nil)
    }

    @Test func `the settings of the session are those configured, and the DSN's own options stay`() async throws {
        var configuration = database.configuration(connections: 1)
        configuration.dsn += " options='-c work_mem=5MB'"
        configuration.statementTimeout = .milliseconds(1234)
        configuration.applicationName = "it's mine"
        let connection = Connection(configuration, name: "t", logger: TestDatabase.logger, metrics: .init())
        let rows = try await connection.execute(
            Statement(
                "pool.settings",
                """
                select current_setting('work_mem'), current_setting('statement_timeout'),
                    current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'),
                    current_setting('application_name'), current_setting('client_encoding')
                """))
        #expect((0..<6).map { rows.text(0, $0) } == ["5MB", "1234ms", "2s", "2s", "it's mine", "UTF8"])
    }

    @Test func `passwords are not printed`() async {
        var configuration = DatabaseConfiguration(dsn: "postgresql://u:hunter2@127.0.0.1:1/x", connections: 1)
        #expect("\(configuration)\(String(reflecting: configuration))".contains("hunter2") == false)
        var dumped = ""
        dump(configuration, to: &dumped)
        #expect(dumped.contains("hunter2") == false)
        for dsn in [configuration.dsn, "host=127.0.0.1 port=1 password=hunter2", "hunter2", "postgresql://h unter2"] {
            let sink = CapturingLogSink()
            configuration.dsn = dsn
            let pool = ConnectionPool(
                configuration, name: "t", logger: Logger(service: "t", level: .debug, sink: sink), metrics: .init())
            let error = await #expect(throws: DatabaseError.self) { try await pool.execute(Self.one) }
            #expect([.connection, .configuration].contains(error?.code))
            #expect("\(error as Any)\(sink.lines)".contains("hunter2") == false)
            #expect(pool.isHealthy == false)
            await pool.shutdown()
        }
    }
}
