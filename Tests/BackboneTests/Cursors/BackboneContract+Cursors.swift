import Backbone
import Database
import EventModel
import MatcherService
import Observability
import Store
import TestSupport
import Testing

extension BackboneContract {
    /// Endpoints go to cursors and come back while their owners die and others take over: each event reaches each of them at
    /// least once, and twice only from two owners.
    func endpointsThatSwitchGetEachEvent() async throws {
        try await withInstallation { installation in
            let scene = try await SwitchScene(installation)
            try await scene.run()
        }
    }
}

/// One run: a publisher and a matcher that live, workers that do not, endpoints that change their minds.
private final class SwitchScene<Installation: BackboneInstallation> {
    private static var tenant: String { "one" }
    private let installation: Installation
    private let endpoints = ScriptedEndpoints()
    private let webhooks: [EndpointID]
    private var random = SeededGenerator("endpoints that switch back and forth")
    private var workers: [CursorWorker<Installation.Process>] = []
    private var made = 0
    private let acknowledged = Locked<[EventID]>([])

    init(_ installation: Installation) async throws {
        self.installation = installation
        try await installation.pool.script("insert into fanfare.tenants (id) values ('one')")
        let store = WebhookStore(installation.pool)
        var webhooks: [EndpointID] = []
        for number in 1...4 {
            let webhook = NewWebhook(
                id: TestEvents.endpoint(number), tenant: TenantID(Self.tenant) ?? TenantID(Ulid(high: 0, low: 0)),
                url: "https://example.com/\(number)", events: [],
                schedule: [0] + Array(repeating: 1, count: 19), sealedSecrets: ["sealed"])
            webhooks.append(webhook.id)
            _ = try await store.create(webhook)
        }
        self.webhooks = webhooks
    }

    func run() async throws {
        let home = try await installation.process("home")
        try await home.start(.log)
        var database = home.database
        database.connections = 2
        let pool = ConnectionPool(
            database, name: "matcher", logger: TestDatabase.quietLogger, metrics: MetricsRegistry())
        let matcher = MatcherService(
            fanOut: home.fanOut, revisions: RevisionStore(pool: pool),
            agents: MatcherService.Agents(
                runs: AgentRunStore(pool), triggers: TriggerStore(pool), feed: FeedQueries(pool), log: home.log,
                topic: nil), metrics: MetricsRegistry(), logger: TestDatabase.quietLogger)
        try await withThrowingTaskGroup { group in
            group.addTask { await matcher.follow() }
            group.addTask { try await matcher.run() }
            try await addWorker()
            try await addWorker()
            let log = home.log
            let acknowledged = acknowledged
            let publishing = Task {
                for _ in 0..<Self.batches {
                    let ids = try await log.ids(of: TestEvents.make(20, tenant: Self.tenant))
                    acknowledged.update { $0.append(contentsOf: ids) }
                    try await ContinuousClock().sleep(for: .milliseconds(60))
                }
            }
            try await disturb(until: publishing)
            for webhook in webhooks { endpoints.set(.answers, of: webhook) }
            try await check()
            for worker in workers { await worker.kill() }
            await matcher.shutdown()
            group.cancelAll()
            do {
                try await group.waitForAll()
            } catch {
                // Cancelled.
            }
        }
        await pool.shutdown()
    }

    private static var batches: Int { 150 }

    private func addWorker() async throws {
        made += 1
        let worker = CursorWorker(
            try await installation.process("worker-\(made)"), name: "worker-\(made)", endpoints: endpoints)
        worker.start()
        workers.append(worker)
    }

    private func disturb(until publishing: Task<Void, any Error>) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        let isOver = Locked(false)
        async let end: Void = {
            try await publishing.value
            isOver.update { $0 = true }
        }()
        var kills = 0
        while !isOver.value, ContinuousClock.now < deadline {
            try await ContinuousClock().sleep(for: .milliseconds(Int.random(in: 200...700, using: &random)))
            switch Int.random(in: 0..<10, using: &random) {
            case 0 where kills < 3:
                kills += 1
                await workers.remove(at: Int.random(in: 0..<workers.count, using: &random)).kill()
                try await addWorker()
            case 1 where kills < 3:
                kills += 1
                await workers.remove(at: Int.random(in: 0..<workers.count, using: &random)).shutdown()
                try await addWorker()
            default:
                // The first one always answers.
                let webhook = webhooks[Int.random(in: 1..<webhooks.count, using: &random)]
                let behaviour = ScriptedEndpoints.Behaviour.allCases.randomElement(using: &random) ?? .answers
                endpoints.set(behaviour, of: webhook)
            }
        }
        try await end
    }

    private func check() async throws {
        let events = acknowledged.value
        let wanted = Set(webhooks.flatMap { webhook in events.map { Pair(event: $0, endpoint: webhook) } })
        let missing = Locked(wanted)
        do {
            try await eventually("everything arrived", within: .seconds(90)) {
                let arrived = Set(
                    endpoints.arrivals.filter(\.isAccepted).map { Pair(event: $0.event, endpoint: $0.endpoint) })
                missing.update { $0 = wanted.subtracting(arrived) }
                return missing.value.isEmpty
            }
        } catch {
            Issue.record("\(missing.value.count) of \(wanted.count) did not arrive (seed \(SeededGenerator.seed))")
            throw error
        }
        // What a former owner did and had not recorded, its successor does again: once more, however many records it left.
        let attempts = Dictionary(grouping: endpoints.arrivals) { Pair(event: $0.event, endpoint: $0.endpoint) }
        for (pair, attempts) in attempts {
            for (owner, accepted) in Dictionary(grouping: attempts.filter(\.isAccepted), by: \.owner) {
                let hadOthers = attempts.contains { $0.owner != owner }
                guard accepted.count > (hadOthers ? 2 : 1) else { continue }
                Issue.record(
                    "\(pair) came \(accepted.count) times from \(owner): \(attempts) (seed \(SeededGenerator.seed))")
            }
        }
        let spans = try await installation.pool.execute(Self.spans)
        #expect(spans.int(0, 0) >= 3, "spans were opened")
        try await eventually("spans are closed in the end", within: .seconds(60)) {
            try await installation.pool.execute(Self.spans).int(0, 1) == 0
        }
        try await eventually("their cursors come to an end", within: .seconds(30)) {
            try await installation.pool.execute(Self.active).int(0, 0) == 0
        }
    }

    private struct Pair: Hashable {
        var event: EventID
        var endpoint: EndpointID
    }

    private static var spans: Statement {
        Statement("test.spans", "select count(*), count(*) filter (where to_pos is null) from fanfare.spans")
    }
    private static var active: Statement {
        Statement("test.cursors", "select count(*) from fanfare.cursors where state = 'active'")
    }
}
