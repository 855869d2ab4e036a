import Database
import Observability
import TestSupport
import Testing

@Suite struct MigratorTests {
    private static let migrations = [
        Migration(version: 1, name: "create", sql: "create table thing (id int); insert into thing values (1)"),
        Migration(version: 2, name: "widen", sql: "alter table thing add name text"),
        Migration(
            version: 5, name: "function",
            sql: "create function thing_count() returns bigint language sql as $$ select count(*) from thing $$"),
    ]

    private func migrator(_ migrations: some Collection<Migration>) -> Migrator {
        Migrator(Array(migrations), logger: TestDatabase.quietLogger)
    }

    @Test(.database()) func `eight at once apply each step once`() async throws {
        let database = TestDatabase.current
        let applied = try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let pool = database.pool(connections: 1)
                    return try await migrator(Self.migrations).migrate(pool).map(\.version)
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(applied == [1, 2, 5])
        let pool = database.pool(connections: 1)
        #expect(try await pool.execute(Statement("migrator.t1", "select thing_count()")).int(0, 0) == 1)
        #expect(try await migrator(Self.migrations).check(pool) == .current)
        let locks = try await pool.execute(
            Statement(
                "migrator.t2",
                "select count(*) from pg_locks where locktype = 'advisory' and database = "
                    + "(select oid from pg_database where datname = current_database())"))
        #expect(locks.int(0, 0) == 0)
    }

    @Test(.database()) func `what is pending is told and then applied`() async throws {
        let pool = TestDatabase.current.pool(connections: 1)
        #expect(try await migrator(Self.migrations).check(pool) == .pending([1, 2, 5]))
        try await migrator(Self.migrations.prefix(1)).migrate(pool)
        #expect(try await migrator(Self.migrations).check(pool) == .pending([2, 5]))
        #expect(try await migrator(Self.migrations).migrate(pool).map(\.name) == ["widen", "function"])
        #expect(try await migrator(Self.migrations).migrate(pool) == [])
    }

    @Test(.database()) func `a schema that only grew is left to older programs as it is`() async throws {
        let pool = TestDatabase.current.pool(connections: 1)
        try await migrator(Self.migrations).migrate(pool)
        let old = migrator(Self.migrations.prefix(2))
        #expect(try await old.check(pool) == .newer(5))
        #expect(try await old.migrate(pool) == [])
        #expect(try await migrator(Self.migrations).check(pool) == .current)
    }

    @Test(.database()) func `a step that takes something away refuses programs that need it, and only those`()
        async throws
    {
        let pool = TestDatabase.current.pool(connections: 1)
        let contraction = Migration(
            version: 6, name: "narrow", sql: "alter table thing drop column name", compatibleFrom: 5)
        try await migrator(Self.migrations + [contraction]).migrate(pool)
        #expect(try await migrator(Self.migrations).check(pool) == .newer(6))
        let old = migrator(Self.migrations.prefix(2))
        #expect(try await old.check(pool) == .tooNew(6, needs: 5))
        let error = await #expect(throws: DatabaseError.self) { try await old.migrate(pool) }
        #expect(error?.code == .schema)
        // What comes later does not lift it.
        let later = Migration(version: 7, name: "more", sql: "create table other (id int)")
        try await migrator(Self.migrations + [contraction, later]).migrate(pool)
        #expect(try await old.check(pool) == .tooNew(7, needs: 5))
    }

    @Test(.database()) func `a schema of another line, with holes where this one has steps, is refused`() async throws {
        let pool = TestDatabase.current.pool(connections: 1)
        try await migrator(Self.migrations).migrate(pool)
        let other = migrator(
            Self.migrations.prefix(2) + [Migration(version: 3, name: "another", sql: "create table other (id int)")])
        #expect(try await other.check(pool) == .tooNew(5, needs: 5))
        await #expect(throws: DatabaseError.self) { try await other.migrate(pool) }
    }

    @Test(.database()) func `a database of before programs told what they need is read, and goes on`() async throws {
        let pool = TestDatabase.current.pool(connections: 1)
        try await migrator(Self.migrations.prefix(2)).migrate(pool)
        try await pool.script("alter table fanfare.schema_migrations drop column compatible_from")
        #expect(try await migrator(Self.migrations).check(pool) == .pending([5]))
        #expect(try await migrator(Self.migrations).migrate(pool).map(\.version) == [5])
        #expect(try await migrator(Self.migrations).check(pool) == .current)
    }

    @Test(.database()) func `a step that fails leaves nothing, and those before it stay`() async throws {
        let pool = TestDatabase.current.pool(connections: 1)
        let broken = Migration(version: 3, name: "broken", sql: "create table gone (x int); select 1 / 0")
        let error = await #expect(throws: DatabaseError.self) {
            try await migrator(Self.migrations.prefix(2) + [broken]).migrate(pool)
        }
        #expect(error?.code == .data)
        let rows = try await pool.execute(
            Statement("migrator.t3", "select to_regclass('gone') is null, to_regclass('thing') is not null"))
        #expect(rows.bool(0, 0) && rows.bool(0, 1))
        #expect(try await migrator(Self.migrations).check(pool) == .pending([5]))
    }

    @Test(.database()) func `a step waits for a table and then goes on`() async throws {
        let database = TestDatabase.current
        let pool = database.pool(connections: 1)
        let holder = database.pool(connections: 1)
        try await migrator(Self.migrations.prefix(1)).migrate(pool)
        try await withThrowingTaskGroup(of: Void.self) { group in
            try await holder.transaction { session in
                try await session.script("lock table thing in access share mode")
                group.addTask { try await migrator(Self.migrations).migrate(pool) }
                let waiting = Statement(
                    "migrator.t4",
                    "select exists (select from pg_locks where not granted and database = "
                        + "(select oid from pg_database where datname = current_database()))")
                try await eventually("the step waits") { try await session.execute(waiting).bool(0, 0) }
            }
            try await group.waitForAll()
        }
        #expect(try await migrator(Self.migrations).check(pool) == .current)
    }

    @Suite(.database(migrations: Self.migrations)) struct Template {
        @Test(arguments: 0..<3) func `a suite's database comes migrated`(_: Int) async throws {
            let pool = TestDatabase.current.pool(connections: 1)
            #expect(try await pool.execute(Statement("migrator.t5", "select thing_count()")).int(0, 0) == 1)
        }
    }
}
