import Backbone
import Database
import EventCodec
import EventModel
import Observability
import Store
import Synchronization
import TestSupport
import Testing

@testable import MatcherService

@Suite(.serialized, .database(migrations: Schema.migrations)) struct AgentRunQueueTests {
    private let pool = TestDatabase.current.pool()
    private let tenant = TenantID(Ulid(high: 0, low: 1))
    private let workspace = WorkspaceID(Ulid(high: 9, low: 1))

    /// The store call of the Postgres log; fails as often as it is told to, before or after it has stored.
    private final class Log: TaskEventLog {
        let pool: ConnectionPool
        let failures: Mutex<[Failure]>
        enum Failure { case before, after, unknown }

        init(_ pool: ConnectionPool, _ failures: [Failure]) {
            self.pool = pool
            self.failures = Mutex(failures)
        }

        var isReady: Bool { true }
        func run() async throws {}
        func shutdown() async {}

        func store(_ events: [NewEvent]) async throws(BackboneError) -> [AppendReceipt] {
            let failure = failures.withLock { $0.isEmpty ? nil : $0.removeFirst() }
            if failure == .before { throw BackboneError(.unavailable, "away") }
            var columns = EventColumns()
            for event in events { columns.append(event, part: 0) }
            do throws(DatabaseError) {
                try await pool.execute(
                    AppendStatement.statement, AppendStatement.parameters(columns, window: .seconds(86_400)))
            } catch {
                throw BackboneError(.unavailable, error.description)
            }
            if failure == .after { throw BackboneError(.outcomeUnknown, "lost") }
            return events.map { failure == .unknown ? .unknown : .stored(id: $0.id, isDuplicate: false) }
        }
    }

    private final class Topic: RunTopic {
        let published = Mutex<[RunID]>([])
        func run() async throws {}
        func shutdown() async {}
        func publish(_ runs: [RunRecord]) async throws(BackboneError) {
            published.withLock { $0 += runs.map(\.id) }
        }
    }

    private func queue(_ failures: [Log.Failure] = [], topic: (any RunTopic)? = nil) -> AgentRunQueue {
        AgentRunQueue(
            store: AgentRunStore(pool), feed: FeedQueries(pool), eventLog: Log(pool, failures), topic: topic,
            queued: MetricsRegistry().counter("runs_total", ""), log: TestDatabase.quietLogger.limited())
    }

    private func run(_ number: UInt64, agent: String = "agent") -> NewAgentRun {
        NewAgentRun(
            event: EventID(Ulid(milliseconds: 1_780_000_000_000, randomHigh: 0, randomLow: number)),
            eventType: "webhook.a.b", tenant: tenant, workspace: workspace, role: "webhook.a.b", agent: agent,
            inputs: Array(#"{"n":\#(number)}"#.utf8))
    }

    private func announced(_ run: NewAgentRun) async throws -> [[UInt8]] {
        let statement = Statement(
            "test.announced",
            "select envelope from fanfare.events where type = 'agent.run.queued' and position($1 in envelope) > 0")
        let rows = try await pool.execute(
            statement, Parameters { $0.add(bytes: Array("\"\(run.id)\"".utf8)) })
        return (0..<rows.count).map { rows.bytes($0, 0) }
    }

    @Test func `a run is announced once, however often it is asked for`() async throws {
        let topic = Topic()
        let runs = [run(1), run(2)]
        for _ in 0..<3 { try await queue(topic: topic).queue(runs) }
        for run in runs {
            let envelopes = try await announced(run)
            #expect(envelopes.count == 1)
            let data = try JSONValue(parsing: try #require(envelopes.first))["data"]
            #expect(data?["run_id"] == .string("\(run.id)"))
            #expect(data?["chat_id"] == .string("\(run.chat)"))
            #expect(data?["agent_id"] == .string("agent"))
            #expect(data?["role"] == .string("webhook.a.b"))
            #expect(data?["event_id"] == .string("\(run.event)"))
            #expect(data?["inputs"]?.bytes == run.inputs)
        }
        #expect(topic.published.withLock { $0 } == runs.map(\.id))
    }

    @Test func `whatever fails between the row and the log, the event is there once`() async throws {
        for (number, failures) in [[Log.Failure.before], [.after], [.unknown], [.after, .before, .unknown]].enumerated()
        {
            let run = run(UInt64(10 + number))
            try await queue(failures).queue([run])
            #expect(try await announced(run).count == 1)
        }
    }

    @Test func `whoever takes over in mid-air tells the log of what the first one had only stored`() async throws {
        let run = run(20)
        _ = try await AgentRunStore(pool).queue([run])
        #expect(try await announced(run).isEmpty)
        try await queue().queue([run])
        #expect(try await announced(run).count == 1)
    }

    @Test func `a run that waited for days is not announced again because its key is forgotten`() async throws {
        let run = run(21)
        _ = try await AgentRunStore(pool).queue([run])
        try await pool.script(
            "update fanfare.agent_runs set created_at = now() - interval '2 days' where id = '\(run.id)'")
        try await queue().queue([run])
        #expect(try await announced(run).count == 1)
        try await pool.script(
            "update fanfare.agent_runs set announced_at = null where id = '\(run.id)'; delete from fanfare.dedupe")
        try await queue().queue([run])
        #expect(try await announced(run).count == 1)
        #expect(try await AgentRunStore(pool).queue([run]).map(\.isAnnounced) == [true])
    }

    @Test func `a run that cannot be stored holds up no other`() async throws {
        let bad = run(30, agent: "a\0b")
        try await queue().queue([run(31), bad, run(32)])
        #expect(try await announced(run(31)).count == 1)
        #expect(try await announced(run(32)).count == 1)
        #expect(try await AgentRunStore(pool).find(bad.id, tenant: tenant) == nil)
    }

    @Test func `envelopes are read in pieces, and only those that are asked for`() async throws {
        var columns = EventColumns()
        let type = "big.event"
        for number in 0..<7 {
            let envelope = Array("{\"n\":\(number),\"pad\":\"\(String(repeating: "x", count: 3 << 20))\"}".utf8)
            columns.append(
                NewEvent(
                    id: EventID(Ulid(milliseconds: 1_780_000_000_000, randomHigh: 1, randomLow: UInt64(number))),
                    tenant: tenant, type: type, smithID: nil, createdAt: Timestamp(seconds: 1_780_000_000),
                    envelope: envelope), part: 0)
        }
        let answer = AppendStatement.answer(
            try await pool.execute(
                AppendStatement.statement, AppendStatement.parameters(columns, window: .seconds(86_400))))
        let rows = (0..<7).map { number in
            FeedRow(
                pos: answer.first + Int64(number), part: 0, id: EventID(Ulid(high: 0, low: UInt64(number))),
                tenant: tenant, type: type, onlyEndpoint: nil, exceptEndpoint: nil, recordedAt: Timestamp(seconds: 0),
                envelope: number == 3 ? Array("{}".utf8) : nil)
        }
        let envelopes = RowEnvelopes(feed: FeedQueries(pool), log: TestDatabase.quietLogger.limited())
        var seen: [Int: Int] = [:]
        try await envelopes.forEach([0, 1, 3, 4, 5, 6], of: rows) { number, envelope in
            seen[number] = envelope.count
        }
        #expect(seen.keys.sorted() == [0, 1, 3, 4, 5, 6])
        #expect(seen[3] == 2)
        #expect(seen[6] ?? 0 > 3 << 20)
    }
}
