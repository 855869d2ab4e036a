import Database
import EventModel
import Observability
import Store
import TestSupport
import Testing

@Suite(.serialized, .database(migrations: Schema.migrations)) struct LeaseStatementTests {
    let fixture = StoreFixture()

    private func lease(
        _ topic: String, _ member: String, ttl: Duration = .seconds(60), release: [Int] = [], leave: Bool = false
    ) async throws -> [LeaseStatement.Held] {
        LeaseStatement.answer(
            try await fixture.pool.execute(
                LeaseStatement.statement,
                LeaseStatement.parameters(
                    topic: topic, member: member, timeToLive: ttl, parts: 12, release: release, isLeaving: leave)))
    }

    @Test func `the first takes all, the second gets its share when the first gives up`() async throws {
        let all = try await lease("share", "a")
        #expect(all.count == 12 && all.allSatisfy { $0.isNew && !$0.giveUp && $0.position.epoch == 1 })
        #expect(try await lease("share", "b").isEmpty)
        let crowded = try await lease("share", "a")
        #expect(crowded.count == 12)
        let excess = crowded.filter(\.giveUp).map(\.position.part)
        #expect(excess.count == 6)
        let kept = try await lease("share", "a", release: excess)
        #expect(kept.count == 6 && kept.allSatisfy { !$0.giveUp && !$0.isNew })
        let taken = try await lease("share", "b")
        #expect(Set(taken.map(\.position.part)) == Set(excess))
        #expect(taken.allSatisfy { $0.isNew && $0.position.epoch == 2 })
        // A third: each has four in the end.
        #expect(try await lease("share", "c").isEmpty)
        for member in ["a", "b"] {
            let excess = try await lease("share", member).filter(\.giveUp).map(\.position.part)
            #expect(excess.count == 2)
            _ = try await lease("share", member, release: excess)
        }
        #expect(try await lease("share", "c").count == 4)
    }

    @Test func `a lease that ran out goes to whoever asks, with a new epoch`() async throws {
        let dead = try await lease("dead", "a", ttl: .zero)
        #expect(dead.count == 12)
        let heir = try await lease("dead", "b")
        #expect(heir.count == 12 && heir.allSatisfy { $0.position.epoch == 2 })
        #expect(try await lease("dead", "a").isEmpty)
    }

    @Test func `a lease that ran out and nobody took goes on under its epoch`() async throws {
        _ = try await lease("alone", "a", ttl: .zero)
        let again = try await lease("alone", "a")
        #expect(again.count == 12 && again.allSatisfy { $0.position.epoch == 1 && !$0.isNew })
    }

    @Test func `leaving frees everything at once`() async throws {
        _ = try await lease("leave", "a")
        #expect(try await lease("leave", "a", leave: true).isEmpty)
        #expect(try await lease("leave", "b").count == 12)
    }

    @Test func `joining, leaving and giving back are announced, renewing is not`() async throws {
        let heard = TestCollector<String>()
        let listener = Listener(
            TestDatabase.current.configuration(), channels: [LeaseStatement.channel(topic: "loud")], name: "test",
            logger: TestDatabase.logger, metrics: MetricsRegistry(), onNotify: { _, payload in heard.append(payload) },
            onReconnect: { heard.append("listening") })
        let task = Task { await listener.run() }
        _ = await heard.first(1)
        _ = try await lease("loud", "a")
        _ = try await lease("loud", "a")
        _ = try await lease("loud", "a", release: [1])
        _ = try await lease("loud", "b")
        _ = try await lease("loud", "b", leave: true)
        _ = try await lease("loud", "c")
        #expect(await heard.first(6).dropFirst() == ["a", "a", "b", "b", "c"])
        task.cancel()
        await task.value
    }
}
