import Database
import Observability
import TestSupport
import Testing

@Suite(.database()) struct ErrorsTests {
    let pool = TestDatabase.current.pool(connections: 1)

    private func failure(_ statement: Statement, _ parameters: Parameters = .none) async -> DatabaseError? {
        do throws(DatabaseError) {
            try await pool.execute(statement, parameters)
            return nil
        } catch {
            return error
        }
    }

    @Test func `a violated constraint is named, and its values are not`() async throws {
        try await pool.script("create table keyed (id text constraint keyed_once primary key)")
        let insert = Statement("errors.unique", "insert into keyed values ($1)")
        let secret = Parameters { $0.add("hunter2") }
        #expect(await failure(insert, secret) == nil)
        let error = await failure(insert, secret)
        #expect(error?.code == .constraint)
        #expect(error?.sqlState == "23505")
        #expect(error?.constraint == "keyed_once")
        #expect(error?.statement == "errors.unique")
        #expect(error?.isRetryable == false)
        #expect(error?.outcomeUnknown == false)
        #expect("\(error as Any)".contains("hunter2") == false)
    }

    @Test func `data that does not fit is told without the data`() async {
        let error = await failure(
            Statement("errors.cast", "select $1::int"), Parameters { $0.add("hunter2") })
        #expect(error?.code == .data)
        #expect(error?.sqlState == "22P02")
        #expect(error?.message == "invalid input syntax for type integer")
        let zero = await failure(Statement("errors.nul", "select $1"), Parameters { $0.add("a\u{0}b") })
        #expect(zero?.code == .data)
    }

    @Test(arguments: [
        ("select nonsense", DatabaseError.Code.syntax, "42703"), ("selec", .syntax, "42601"),
        ("select * from missing", .syntax, "42P01"), ("select 1 / 0", .data, "22012"),
        ("do $$ begin raise exception 'ours'; end $$", .other, "P0001"),
        ("do $$ begin raise serialization_failure; end $$", .serialization, "40001"),
        ("do $$ begin raise deadlock_detected; end $$", .serialization, "40P01"),
        ("do $$ begin raise disk_full; end $$", .resources, "53100"),
        ("do $$ begin raise read_only_sql_transaction; end $$", .readOnly, "25006"),
        ("do $$ begin raise query_canceled; end $$", .timeout, "57014"),
        ("do $$ begin raise not_null_violation; end $$", .constraint, "23502"),
    ])
    func `the class follows from the state`(_ sql: String, _ code: DatabaseError.Code, _ state: String) async throws {
        let error = await #expect(throws: DatabaseError.self) { try await pool.script(sql) }
        #expect(error?.code == code)
        #expect(error?.sqlState == state)
        #expect(error?.outcomeUnknown == false)
        // And the connection goes on.
        #expect(try await pool.execute(Statement("errors.after", "select 1")).int(0, 0) == 1)
    }

    @Test func `a script's first error is the one thrown, and nothing of it stays`() async throws {
        let error = await #expect(throws: DatabaseError.self) {
            try await pool.script("create table half (x int); select 1 / 0; select nonsense")
        }
        #expect(error?.sqlState == "22012")
        #expect(await failure(Statement("errors.half", "select * from half"))?.sqlState == "42P01")
    }

    @Test func `a statement goes on after a migration changed its result`() async throws {
        try await pool.script("create table widened (a int); insert into widened values (1)")
        let all = Statement("errors.widened", "select * from widened")
        #expect(try await pool.execute(all).columnCount == 1)
        try await pool.script("alter table widened add b int")
        #expect(try await pool.execute(all).columnCount == 2)
        try await pool.script("deallocate all")
        #expect(try await pool.execute(all).columnCount == 2)
    }

    @Test func `COPY to the client is refused and costs the connection only`() async throws {
        await #expect(throws: DatabaseError.self) { try await pool.script("copy (select 1) to stdout") }
        #expect(try await pool.execute(Statement("errors.copy", "select 1")).int(0, 0) == 1)
    }

    @Test func `warnings of the server go to the log`() async throws {
        let sink = CapturingLogSink()
        let pool = TestDatabase.current.pool(connections: 1, logger: Logger(service: "t", sink: sink))
        try await pool.script("do $$ begin raise warning 'be aware'; end $$")
        #expect(sink.lines.contains { $0.contains("be aware") && $0.contains("01000") })
    }

    @Test func `errors are counted by what went wrong`() async throws {
        let registry = MetricsRegistry()
        let pool = TestDatabase.current.pool(connections: 1, metrics: registry)
        await #expect(throws: DatabaseError.self) { try await pool.script("select 1 / 0") }
        try await pool.execute(Statement("errors.counted", "select 1"))
        var bytes: [UInt8] = []
        registry.render(into: &bytes)
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(text.contains(#"fanfare_database_errors_total{pool="test",code="data"} 1"#))
        #expect(text.contains(#"fanfare_database_statement_seconds_count{statement="errors.counted"} 1"#))
    }
}
