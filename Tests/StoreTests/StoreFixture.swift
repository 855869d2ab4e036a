import Database
import EventModel
import Store
import TestSupport

/// What the tests of the statements share: events of their own making and one statement after the other.
struct StoreFixture {
    let pool: ConnectionPool
    static let window: Duration = .seconds(86_400)

    init() {
        pool = TestDatabase.current.pool()
    }

    func event(
        _ number: UInt64, tenant: String = "acme", type: String = "thing.made", key: [UInt8]? = nil,
        createdAt: Timestamp = Timestamp(seconds: 1_780_000_000), envelope: [UInt8]? = nil
    ) -> NewEvent {
        NewEvent(
            id: EventID(Ulid(milliseconds: 1_780_000_000_000, randomHigh: 0, randomLow: number)),
            tenant: TenantID(tenant) ?? TenantID(Ulid(high: 0, low: 0)), type: type, smithID: nil,
            createdAt: createdAt, dedupeKey: key, envelope: envelope ?? Array("{\"n\":\(number)}".utf8))
    }

    func append(_ events: [NewEvent], window: Duration = StoreFixture.window) async throws -> AppendStatement.Answer {
        var columns = EventColumns()
        for event in events { columns.append(event, part: event.tenant.partition(of: 12)) }
        return AppendStatement.answer(
            try await pool.execute(
                AppendStatement.statement(for: columns), AppendStatement.parameters(columns, window: window)))
    }

    func take(_ topic: String, _ parts: [Int]) async throws -> [PartPosition] {
        TakePartitionsStatement.answer(
            try await pool.execute(
                TakePartitionsStatement.statement, TakePartitionsStatement.parameters(topic: topic, parts: parts)))
    }

    func store(
        _ owned: [StoreStatement.Owned], fanned: Int64? = nil, _ records: [(NewEvent, part: Int, offset: Int64)] = []
    ) async throws -> StoreStatement.Answer {
        var batch = StoreStatement.Batch()
        for record in records { batch.append(record.0, part: record.part, offset: record.offset) }
        return StoreStatement.answer(
            try await pool.execute(
                StoreStatement.statement(for: batch),
                StoreStatement.parameters(
                    topic: "events", owned: owned, fanned: fanned, batch: batch, window: Self.window)))
    }

    /// The number that a query of the test's gives.
    func number(_ sql: String) async throws -> Int64 {
        try await pool.script(Self.helper)
        return try await pool.execute(Self.evaluate, Parameters { $0.add(sql) }).int64(0, 0)
    }

    private static let evaluate = Statement("test.number", "select public.test_number($1)")
    private static let helper = """
        create or replace function public.test_number(p_sql text) returns bigint language plpgsql as $$
        declare v bigint;
        begin
            execute p_sql into v;
            return v;
        end $$
        """
}

let endpoint = EndpointID(Ulid(milliseconds: 1_780_000_000_000, randomHigh: 7, randomLow: 7))
