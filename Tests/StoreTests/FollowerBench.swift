import Database
import EventModel
import Observability
import Synchronization
import TestSupport
import Testing

@testable import Store

/// How long ingest takes to know 100 000 integrations, and one change among them; prints, and asserts nothing about time.
/// `FANFARE_BENCH=1 swift test --filter FollowerBench`
@Suite(
    .serialized, .enabled(if: TestFolders.environment("FANFARE_BENCH") != nil), .timeLimit(.minutes(10)),
    .database(migrations: Schema.migrations))
struct FollowerBench {
    private static let integrations = 100_000
    private static let changes = 200

    private let pool = TestDatabase.current.pool(connections: 2)

    private func fill() async throws -> TenantID {
        let tenant = try #require(TenantID("bench"))
        _ = try await TenantStore(pool).create(tenant, name: "")
        // As `create` leaves them: a version each, and secrets as long as a sealed set.
        try await pool.script(
            """
            set statement_timeout = 0;
            insert into fanfare.integrations (id, tenant_id, channel, name, config, is_active, secrets, secret_ids,
                secret_made, version)
            select 'int_' || lpad(g::text, 26, '0'), 'bench', 'github', 'n', '{}', true, array[repeat('s', 150)],
                array['sec_' || g], array[now()], 0
            from generate_series(1, \(Self.integrations)) g
            """, timeout: .seconds(300))
        return tenant
    }

    private func milliseconds(_ duration: Duration) -> Double { (duration / .microseconds(100)).rounded() / 10 }

    @Test func `the first load, and one change`() async throws {
        let tenant = try await fill()
        let store = IntegrationStore(pool)
        let known = Mutex<(count: Int, pages: Int, versions: [IntegrationID: (Int64, ContinuousClock.Instant)])>(
            (0, 0, [:]))
        let follower = IntegrationFollower(
            store: IntegrationStore(TestDatabase.current.pool(connections: 1)), logger: TestDatabase.logger
        ) { changes in
            let now = ContinuousClock.now
            known.withLock { known in
                known.count += changes.changed.count
                known.pages += 1
                // The first load is only counted.
                guard changes.changed.count < 100 else { return }
                for changed in changes.changed { known.versions[changed.id] = (changed.version, now) }
            }
        }
        let listener = Listener(
            TestDatabase.current.configuration(), channels: [IntegrationFollower.channel], name: "bench",
            logger: TestDatabase.logger, metrics: MetricsRegistry(), onNotify: { _, _ in follower.changed() },
            onReconnect: { follower.changed() })
        let began = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await follower.run() }
            group.addTask { await listener.run() }
            try await eventually("all are known", within: .seconds(120)) { follower.isLoaded }
            let (count, pages) = known.withLock { ($0.count, $0.pages) }
            print("first load: \(count) integrations in \(pages) pages, \(milliseconds(began.duration(to: .now))) ms")
            #expect(count == Self.integrations)

            var times: [Duration] = []
            for number in 1...Self.changes {
                let digits = String(number * 497)
                let text = "int_" + String(repeating: "0", count: 26 - digits.count) + digits
                let id = try #require(IntegrationID(text))
                var change = IntegrationChange()
                change.name = "changed \(number)"
                let changed = try #require(
                    try await store.update(id, tenant: tenant, change, now: SystemClock().now()))
                let committed = ContinuousClock.now
                let seen = try await eventually("the change is known") {
                    known.withLock { known in
                        known.versions[id].flatMap { $0.0 >= changed.version ? $0.1 : nil }
                    }
                }
                times.append(max(.zero, committed.duration(to: seen)))
            }
            times.sort()
            print(
                "a change, from its answer to ingest: p50 \(milliseconds(times[times.count / 2])) ms, "
                    + "p99 \(milliseconds(times[times.count * 99 / 100])) ms, longest \(milliseconds(times[times.count - 1])) ms"
            )
            group.cancelAll()
            try await group.waitForAll()
        }
    }
}
