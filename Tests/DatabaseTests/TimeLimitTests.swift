import Database
import Glibc
import Observability
import TestSupport
import Testing

@Suite(.database()) struct TimeLimitTests {
    let database = TestDatabase.current

    private static let sleep = Statement("limits.sleep", "select pg_sleep($1)")
    private static let one = Statement("limits.one", "select 1")

    private func seconds(_ value: Double) -> Parameters { Parameters { $0.add(value) } }

    /// Whether a server process is in pg_sleep.
    private func isSleeping(_ process: Int32, _ observer: ConnectionPool) async throws -> Bool {
        let rows = try await observer.execute(
            Statement(
                "limits.activity",
                "select exists (select from pg_stat_activity where pid = $1 and wait_event = 'PgSleep')"),
            Parameters { $0.add(process) })
        return rows.bool(0, 0)
    }

    @Test func `the server ends a statement that takes too long`() async throws {
        var configuration = database.configuration(connections: 1)
        configuration.statementTimeout = .milliseconds(50)
        let pool = ConnectionPool(configuration, name: "t", logger: TestDatabase.logger, metrics: .init())
        let error = await #expect(throws: DatabaseError.self) {
            try await pool.execute(Self.sleep, seconds(10))
        }
        #expect(error?.code == .timeout && error?.sqlState == "57014" && error?.outcomeUnknown == false)
        #expect(error?.isRetryable == true)
    }

    @Test func `a lock that is not given in time is a timeout`() async throws {
        var configuration = database.configuration(connections: 1)
        configuration.lockTimeout = .milliseconds(50)
        let pool = ConnectionPool(configuration, name: "t", logger: TestDatabase.logger, metrics: .init())
        let other = database.pool(connections: 1)
        try await other.script("create table locked (x int)")
        try await other.transaction { session in
            try await session.script("lock table locked")
            let error = await #expect(throws: DatabaseError.self) { try await pool.script("select * from locked") }
            #expect(error?.code == .timeout && error?.sqlState == "55P03")
        }
    }

    @Test func `a caller's own limit cancels the statement at the server`() async throws {
        let pool = database.pool(connections: 1)
        let error = await #expect(throws: DatabaseError.self) {
            try await pool.execute(Self.sleep, seconds(4), timeout: .milliseconds(30))
        }
        #expect(error?.code == .timeout && error?.outcomeUnknown == false)
        // The same connection, at once: the backend is free again.
        #expect(try await pool.execute(Self.one).int(0, 0) == 1)
    }

    @Test func `a cancelled task's statement is cancelled at the server`() async throws {
        let pool = database.pool(connections: 1)
        let observer = database.pool(connections: 1)
        let process = try await pool.perform { $0.processID ?? 0 }
        let error = await withTaskGroup(of: DatabaseError?.self) { group in
            group.addTask {
                do throws(DatabaseError) {
                    try await pool.execute(Self.sleep, seconds(4))
                    return nil
                } catch {
                    return error
                }
            }
            await #expect(throws: Never.self) {
                try await eventually("the statement runs") { try await isSleeping(process, observer) }
            }
            group.cancelAll()
            return await group.next() ?? nil
        }
        #expect(error?.code == .cancelled && error?.sqlState == "57014" && error?.outcomeUnknown == false)
        #expect(try await isSleeping(process, observer) == false)
        #expect(try await pool.execute(Self.one).int(0, 0) == 1)
    }

    @Test func `a task that is cancelled while it waits never sends its statement`() async throws {
        let pool = database.pool(connections: 1)
        try await pool.script("create table written (x int)")
        try await pool.withConnection { session in
            let code = await withTaskGroup(of: DatabaseError.Code?.self) { group in
                group.addTask {
                    do throws(DatabaseError) {
                        try await pool.execute(Statement("limits.write", "insert into written values (1)"))
                        return nil
                    } catch {
                        return error.code
                    }
                }
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(code == .cancelled)
            let count = try await session.execute(Statement("limits.count", "select count(*) from written"))
            #expect(count.int(0, 0) == 0)
        }
    }

    @Test func `a connection whose server does not even answer a cancellation is given up`() async throws {
        let pool = database.pool(connections: 1)
        let process = try await pool.perform { $0.processID ?? 0 }
        try #require(process > 0)
        kill(process, SIGSTOP)
        defer { kill(process, SIGCONT) }
        let error = await #expect(throws: DatabaseError.self) {
            try await pool.execute(Self.one, .none, timeout: .milliseconds(20))
        }
        #expect(error?.code == .timeout && error?.outcomeUnknown == true)
        #expect(try await pool.execute(Self.one).int(0, 0) == 1)
    }

    @Test func `limits can be lifted for a while`() async throws {
        var configuration = database.configuration(connections: 1)
        configuration.statementTimeout = .milliseconds(20)
        let pool = ConnectionPool(configuration, name: "t", logger: TestDatabase.logger, metrics: .init())
        try await pool.perform { connection in
            try connection.withLimits(statement: nil, lock: nil) {
                _ = try connection.execute(Self.sleep, Parameters { $0.add(0.06) })
            }
            #expect(throws: DatabaseError.self) { try connection.execute(Self.sleep, Parameters { $0.add(0.5) }) }
        }
    }

    @Test func `a canceller holds until it is reset`() async throws {
        let thread = TestCollector<DatabaseError.Code?>()
        let configuration = database.configuration()
        TestThread {
            let canceller = Canceller()
            let connection = BlockingConnection(
                configuration, name: "t", logger: TestDatabase.logger, metrics: .init(), canceller: canceller)
            func code() -> DatabaseError.Code? {
                do throws(DatabaseError) {
                    try connection.execute(Self.one)
                    return nil
                } catch {
                    return error.code
                }
            }
            thread.append(code())
            canceller.cancel()
            thread.append(contentsOf: [code(), code()])
            canceller.reset()
            thread.append(code())
        }.detach()
        #expect(await thread.first(4) == [nil, .cancelled, .cancelled, nil])
    }
}
