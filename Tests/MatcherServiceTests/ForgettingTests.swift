import Backbone
import Database
import EventModel
import Matching
import Observability
import Store
import TestSupport
import Testing

@testable import MatcherService

/// What the matcher keeps of configuration that is over, and what it does when its database goes back in time.
@Suite(.serialized, .database(migrations: Schema.migrations)) struct ForgettingTests {
    /// Hands out nothing.
    private final class NoFanOut: FanOut {
        var isReady: Bool { true }
        func run() async throws {}
        func shutdown() async {}
        func next() async throws -> FanOutBatch? { nil }
        func complete(_ batch: FanOutBatch, deliveries: [LaneDelivery]) async throws {}
    }

    private final class NoLog: TaskEventLog {
        var isReady: Bool { true }
        func run() async throws {}
        func shutdown() async {}
        func store(_ events: [NewEvent]) async throws(BackboneError) -> [AppendReceipt] { events.map { _ in .unknown } }
    }

    private let pool = TestDatabase.current.pool()

    private func matcher() -> MatcherService {
        MatcherService(
            fanOut: NoFanOut(), revisions: RevisionStore(pool: pool),
            agents: MatcherService.Agents(
                runs: AgentRunStore(pool), triggers: TriggerStore(pool), feed: FeedQueries(pool), log: NoLog(),
                topic: nil),
            metrics: MetricsRegistry(), logger: TestDatabase.logger)
    }

    private func webhook(_ tenant: String) async throws -> EndpointID {
        let tenant = try #require(TenantID(tenant))
        _ = try await TenantStore(pool).create(tenant, name: "")
        let id = EndpointID.make(at: SystemClock().now())
        _ = try await WebhookStore(pool).create(
            NewWebhook(id: id, tenant: tenant, url: "https://example.com/", events: [], sealedSecrets: ["s"]))
        return id
    }

    /// Makes revisions of a webhook, each a position of the feed behind the one before.
    private func change(_ id: EndpointID, times: Int) async throws {
        for _ in 0..<times {
            try await pool.script(
                """
                update fanfare.feed_head set next_pos = next_pos + 1;
                select fanfare.revise_webhook_v1('\(id)', null);
                """)
        }
    }

    private func head() async throws -> (pos: Int64, version: Int64) {
        let rows = try await pool.execute(
            Statement("forgetting.head", "select next_pos, config_version from fanfare.feed_head"))
        return (rows.int64(0, 0), rows.int64(0, 1))
    }

    /// Says how far the fan-out of two partitions has come.
    private func fanOut(_ positions: Int64...) async throws {
        for (part, pos) in positions.enumerated() {
            try await pool.script(
                """
                insert into fanfare.progress (topic, part, fanned) values ('events', \(part), \(pos))
                on conflict (topic, part) do update set fanned = \(pos)
                """)
        }
    }

    /// Runs `body` while a matcher follows the configuration.
    private func following(_ body: (MatcherService) async throws -> Void) async throws {
        let matcher = matcher()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await matcher.follow() }
            try await body(matcher)
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    private func reach(_ matcher: MatcherService, _ version: Int64) async throws {
        try await eventually("version \(version) is known") {
            matcher.configurationChanged()
            return matcher.isLoaded && matcher.index.version >= version
        }
    }

    @Test func `what ended before all that is to be fanned out is let go, so that changes do not add up`()
        async throws
    {
        let (changing, other) = (try await webhook("changing"), try await webhook("other"))
        try await fanOut(0, 0)
        try await following { matcher in
            try await change(changing, times: 30)
            var head = try await head()
            try await reach(matcher, head.version)
            #expect(matcher.index.revisionCount == 32)
            // One partition is behind: whoever takes it over matches by what was.
            try await fanOut(head.pos, head.pos - 10)
            try await matcher.forgetEnded()
            #expect((11...13).contains(matcher.index.revisionCount), "\(matcher.index.revisionCount)")
            #expect(matcher.index.revision(of: changing, at: head.pos - 10) != nil)
            for _ in 0..<5 {
                try await change(changing, times: 20)
                head = try await self.head()
                try await reach(matcher, head.version)
                try await fanOut(head.pos, head.pos)
                try await matcher.forgetEnded()
                #expect(matcher.index.revisionCount == 2)
            }
            #expect(matcher.index.revision(of: changing, at: head.pos) != nil)
            #expect(matcher.index.revision(of: other, at: head.pos) != nil)
        }
    }

    @Test func `a database that went back in time has its configuration read anew`() async throws {
        let (kept, lost) = (try await webhook("kept"), try await webhook("lost"))
        let before = try await head()
        try await fanOut(before.pos - 1, before.pos - 1)
        try await following { matcher in
            try await change(kept, times: 5)
            var head = try await head()
            try await fanOut(head.pos, head.pos)
            try await reach(matcher, head.version)
            try await matcher.forgetEnded()
            #expect(matcher.index.revision(of: kept, at: before.pos) == nil)

            // As a restore leaves it: what came last is gone, and everything that counts up leaps.
            try await pool.script(
                """
                delete from fanfare.webhook_revisions where webhook_id = '\(lost)';
                delete from fanfare.webhooks where id = '\(lost)';
                update fanfare.progress set fanned = \(before.pos - 1);
                update fanfare.feed_head set config_version = config_version + (1::bigint << 40);
                """)
            matcher.configurationChanged()
            try await eventually("what was forgotten is known again") {
                matcher.index.revision(of: kept, at: before.pos) != nil
            }
            #expect(matcher.index.revision(of: lost, at: head.pos) == nil)
            // And followed on from there.
            try await change(kept, times: 1)
            head = try await self.head()
            try await reach(matcher, head.version)
        }
    }
}
