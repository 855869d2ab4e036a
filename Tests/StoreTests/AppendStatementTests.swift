import Database
import EventModel
import Store
import TestSupport
import Testing

@Suite(.serialized, .database(migrations: Schema.migrations)) struct AppendStatementTests {
    let fixture = StoreFixture()
    let key = [UInt8](repeating: 7, count: 16)
    let otherKey = [UInt8](repeating: 8, count: 16)

    @Test func `events get positions in order, without gaps`() async throws {
        let first = try await fixture.append([fixture.event(1), fixture.event(2), fixture.event(3)])
        let second = try await fixture.append([fixture.event(4)])
        #expect(second.first == first.first + 3)
        #expect(first.duplicates.isEmpty)
        #expect(second.recordedAt >= first.recordedAt)
    }

    @Test func `a key is stored once and every loser learns the winner`() async throws {
        let first = try await fixture.append([fixture.event(11, key: key)])
        let second = try await fixture.append([
            fixture.event(12), fixture.event(13, key: key), fixture.event(14, key: otherKey),
            fixture.event(15, key: otherKey),
        ])
        #expect(second.first == first.first + 1)
        #expect(
            second.duplicates == [
                .init(index: 1, winner: fixture.event(11).id), .init(index: 3, winner: fixture.event(14).id),
            ])
        let third = try await fixture.append([fixture.event(16)])
        #expect(third.first == second.first + 2)
    }

    @Test func `a loser's own id becomes an alias of the winner's`() async throws {
        let key = [UInt8](repeating: 9, count: 16)
        _ = try await fixture.append([fixture.event(21, key: key)])
        _ = try await fixture.append([fixture.event(22, key: key)])
        #expect(
            try await fixture.number(
                """
                select count(*) from fanfare.event_aliases
                where alias_id = '\(fixture.event(22).id)' and event_id = '\(fixture.event(21).id)'
                """) == 1)
    }

    @Test func `the same id again is a duplicate without an alias`() async throws {
        let key = [UInt8](repeating: 10, count: 16)
        _ = try await fixture.append([fixture.event(31, key: key)])
        let again = try await fixture.append([fixture.event(31, key: key)])
        #expect(again.duplicates == [.init(index: 0, winner: fixture.event(31).id)])
        #expect(
            try await fixture.number(
                "select count(*) from fanfare.event_aliases where alias_id = '\(fixture.event(31).id)'") == 0)
    }

    @Test func `a key used again after the window is a new event`() async throws {
        let key = [UInt8](repeating: 11, count: 16)
        _ = try await fixture.append([fixture.event(41, key: key)], window: .zero)
        let again = try await fixture.append([fixture.event(42, key: key)], window: .zero)
        #expect(again.duplicates.isEmpty)
        // The window is of the look-up: from its end on the newest of them counts.
        let third = try await fixture.append([fixture.event(43, key: key)])
        #expect(third.duplicates == [.init(index: 0, winner: fixture.event(42).id)])
    }

    @Test func `every column comes back as it went in`() async throws {
        var event = fixture.event(51, tenant: "bytes-and-all", envelope: [0, 255, 1, 254])
        event.smithID = "smith ü"
        event.onlyEndpoint = endpoint
        event.exceptEndpoint = EndpointID(Ulid(high: 1, low: 2))
        let answer = try await fixture.append([event])
        var cache = TextCache()
        let rows = FeedRowsStatement.answer(
            try await fixture.pool.execute(
                FeedRowsStatement.withEnvelopes,
                FeedRowsStatement.parameters(after: answer.first - 1, parts: Array(0..<12), limit: 10)),
            limit: 10, cache: &cache)
        let stored = try #require(rows.events.first)
        #expect(stored.id == event.id)
        #expect(stored.tenant == event.tenant)
        #expect(stored.type == event.type)
        #expect(stored.part == event.tenant.partition(of: 12))
        #expect(stored.onlyEndpoint == event.onlyEndpoint)
        #expect(stored.exceptEndpoint == event.exceptEndpoint)
        #expect(stored.recordedAt == answer.recordedAt)
        #expect(stored.envelope == event.envelope)
        #expect(rows.configVersion == answer.configVersion)
        #expect(
            try await fixture.number(
                "select count(*) from fanfare.events where event_id = '\(event.id)' and smith_id = 'smith ü'") == 1)
    }

    @Test func `a text that Postgres cannot hold fails with class 22 and stores nothing`() async throws {
        let before = try await fixture.append([fixture.event(61)])
        let failure = await #expect(throws: DatabaseError.self) {
            try await fixture.append([fixture.event(62), fixture.event(63, type: "nul\u{0}")])
        }
        #expect(failure?.code == .data)
        let after = try await fixture.append([fixture.event(64)])
        #expect(after.first == before.first + 1)
    }

    @Test func `recorded_at never falls behind what was given out, nor runs ahead of the clock by more than 5 s`()
        async throws
    {
        let now = SystemClock().now()
        let ahead = try await fixture.append([fixture.event(71, createdAt: now.adding(seconds: 3_600))])
        #expect(ahead.recordedAt <= SystemClock().now().adding(seconds: 5))
        #expect(ahead.recordedAt >= now.adding(seconds: 4))
        let next = try await fixture.append([fixture.event(72, createdAt: now.adding(seconds: -3_600))])
        #expect(next.recordedAt >= ahead.recordedAt)
    }

    @Test func `two connections with the same key at once store it once`() async throws {
        let pool = TestDatabase.current.pool(connections: 8)
        for round in 0..<20 {
            let key = [UInt8](repeating: UInt8(100 + round), count: 16)
            let answers = try await withThrowingTaskGroup(of: AppendStatement.Answer.self) { group in
                for writer in 0..<8 {
                    let event = fixture.event(UInt64(10_000 + round * 10 + writer), key: key)
                    group.addTask {
                        var columns = EventColumns()
                        columns.append(event, part: 0)
                        return AppendStatement.answer(
                            try await pool.execute(
                                AppendStatement.statement,
                                AppendStatement.parameters(columns, window: StoreFixture.window)))
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.filter(\.duplicates.isEmpty).count == 1)
            #expect(Set(answers.flatMap(\.duplicates).map(\.winner)).count == 1)
        }
    }
}
