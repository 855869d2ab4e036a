import Database
import EventModel
import Store
import Synchronization
import TestSupport
import Testing

/// A poller that follows `pos` misses nothing, however many write. The same check on a plain sequence shows that it can
/// fail: there a later number can be committed, and passed by, before an earlier one.
@Suite(.serialized, .database(migrations: Schema.migrations)) struct FeedOrderTests {
    private static let writers = 16
    private static let rounds = 40

    private static let page = Statement(
        "test.page", "select pos, event_id from fanfare.events where pos > $1 order by pos limit 500")
    private static let plainWrite = Statement(
        "test.plain-write",
        "insert into public.plain (id, slow) select nextval('public.plain_id'), pg_sleep(random() * 0.004)::text returning id"
    )
    private static let plainPage = Statement(
        "test.plain-page", "select id from public.plain where id > $1 order by id limit 500")

    @Test func `16 writers and a poller miss nothing on the feed`() async throws {
        let fixture = StoreFixture()
        let pool = TestDatabase.current.pool(connections: Self.writers)
        let missed = try await missed(pool, page: Self.page) { writer, round in
            var columns = EventColumns()
            let count = 1 + (writer + round) % 5
            for number in 0..<count {
                columns.append(fixture.event(UInt64(writer * 10_000 + round * 10 + number)), part: writer % 12)
            }
            let answer = AppendStatement.answer(
                try await pool.execute(
                    AppendStatement.statement, AppendStatement.parameters(columns, window: StoreFixture.window)))
            return (0..<count).map { answer.first + Int64($0) }
        }
        #expect(missed == 0)
        // Nothing is left out and nothing given twice, either.
        #expect(
            try await fixture.number(
                "select count(*) - (max(pos) - min(pos) + 1) from fanfare.events") == 0)
    }

    @Test func `the same check finds what a plain sequence loses`() async throws {
        let pool = TestDatabase.current.pool(connections: Self.writers)
        try await pool.script("create table public.plain (id bigint, slow text); create sequence public.plain_id")
        let missed = try await missed(pool, page: Self.plainPage) { _, _ in
            [try await pool.execute(Self.plainWrite).int64(0, 0)]
        }
        #expect(missed > 0)
    }

    /// Writes from all sides while a poller follows the first column; how many rows the poller never saw.
    private func missed(
        _ pool: ConnectionPool, page: Statement, write: @escaping @Sendable (Int, Int) async throws -> [Int64]
    ) async throws -> Int {
        let poller = TestDatabase.current.pool(connections: 1)
        let isWritten = Flag()
        return try await withThrowingTaskGroup(of: Set<Int64>.self) { group in
            for writer in 0..<Self.writers {
                group.addTask {
                    var written: Set<Int64> = []
                    for round in 0..<Self.rounds { written.formUnion(try await write(writer, round)) }
                    return written
                }
            }
            async let seen = follow(poller, page, isWritten)
            var written: Set<Int64> = []
            for try await some in group { written.formUnion(some) }
            isWritten.raise()
            return written.subtracting(try await seen).count
        }
    }

    private func follow(_ pool: ConnectionPool, _ page: Statement, _ isWritten: Flag) async throws
        -> Set<Int64>
    {
        var seen: Set<Int64> = []
        var last: Int64 = 0
        while true {
            let isLast = isWritten.isUp
            let rows = try await pool.execute(page, Parameters { $0.add(last) })
            for row in 0..<rows.count {
                last = rows.int64(row, 0)
                seen.insert(last)
            }
            if isLast, rows.isEmpty { return seen }
        }
    }
}

private final class Flag: Sendable {
    private let value = Atomic<Bool>(false)

    var isUp: Bool { value.load(ordering: .acquiring) }

    func raise() { value.store(true, ordering: .releasing) }
}
