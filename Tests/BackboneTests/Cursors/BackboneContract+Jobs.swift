import Backbone
import Database
import EventModel
import Store
import TestSupport
import Testing

extension BackboneContract {
    /// A replay and a redrive whose workers die under them: each event is sent at least once, twice only by two owners, and
    /// the letters are no longer dead in the end.
    func jobsOutliveTheirOwners() async throws {
        try await withInstallation { installation in
            try await installation.pool.script("insert into fanfare.tenants (id) values ('one')")
            let tenant = try #require(TenantID("one"))
            for number in 1...2 {
                let webhook = NewWebhook(
                    id: TestEvents.endpoint(number), tenant: tenant, url: "https://example.com/\(number)", events: [],
                    schedule: [0, 1, 1], sealedSecrets: ["sealed"])
                _ = try await WebhookStore(installation.pool).create(webhook)
            }
            let home = try await installation.process("home")
            try await home.start(.log, .fanOut)
            let fanOut = home.fanOut
            // Nothing is matched: what arrives is the jobs' own.
            let storing = Task {
                while let batch = try await fanOut.next() { try await fanOut.complete(batch, deliveries: []) }
            }
            var events: [EventID] = []
            for _ in 0..<3 { events += try await home.log.ids(of: TestEvents.make(100, tenant: tenant.text)) }
            try await eventually("all are on the feed", within: .seconds(60)) {
                try await installation.feed().count == events.count
            }
            try await installation.pool.script(
                """
                insert into fanfare.dead_letters (id, tenant_id, webhook_id, event_id, delivery_id, event_type, pos,
                    attempts, reason, payload, dead_at)
                select 'dl_' || substr(event_id, 5), tenant_id, '\(TestEvents.endpoint(2))', event_id, 'd' || pos, type, pos,
                    1, 'test', envelope, now() - interval '1 minute'
                from fanfare.events where pos % 2 = 0
                """)
            let scene = JobScene(installation: installation, tenant: tenant)
            let replay = try await scene.start(.replay, to: TestEvents.endpoint(1), rate: 150)
            let redrive = try await scene.start(.redrive, to: TestEvents.endpoint(2), rate: 75)
            let endpoints = ScriptedEndpoints()
            var last: CursorWorker<Installation.Process>?
            for number in 1...3 {
                if let worker = last { await worker.kill() }
                let worker = CursorWorker(
                    try await installation.process("worker-\(number)"), name: "worker-\(number)", endpoints: endpoints)
                worker.start()
                last = worker
                try await eventually("\(number) of 4 parts have arrived", within: .seconds(60)) {
                    endpoints.arrivals.count >= number * 100
                }
            }
            try await eventually("both are done", within: .seconds(60)) {
                let states = [try await scene.state(replay), try await scene.state(redrive)]
                return states == [.done, .done]
            }
            let even = try await installation.feed().filter { $0.pos % 2 == 0 }.map(\.id)
            for (endpoint, wanted) in [(1, events), (2, even)] {
                let arrivals = endpoints.arrivals.filter { $0.endpoint == TestEvents.endpoint(endpoint) }
                #expect(Set(arrivals.map(\.event)) == Set(wanted))
                for (event, attempts) in Dictionary(grouping: arrivals, by: \.event) {
                    let owners = Set(attempts.map { "\($0.worker) \($0.epoch)" })
                    #expect(attempts.count == owners.count, "\(event) came twice from one owner")
                }
            }
            let open = try await installation.pool.execute(Self.deadLetters)
            #expect(open.int(0, 0) == 0)
            #expect(open.int(0, 1) == even.count)
            await last?.shutdown()
            await home.shutdown(.fanOut)
            storing.cancel()
        }
    }

    private static var deadLetters: Statement {
        Statement(
            "test.redriven",
            """
            select (select count(*) from fanfare.dead_letters where redriven_at is null),
                (select count(*) from fanfare.webhook_audit where direction = 'management' and verdict = 'redriven')
            """)
    }
}

private struct JobScene<Installation: BackboneInstallation> {
    let installation: Installation
    let tenant: TenantID

    func start(_ action: JobRecord.Action, to endpoint: EndpointID, rate: Double) async throws -> JobID {
        let jobs = JobStore(installation.pool)
        let id = JobID.make(at: SystemClock().now())
        var order = JobRecord.Order(action)
        order.endpoint = endpoint
        order.ratePerSecond = rate
        let problem = try await jobs.start(
            id, order, tenant: tenant, actor: "tok_test", count: JobCount(matched: 0, isExact: false),
            range: try await jobs.range(from: nil, to: nil),
            targets: [
                JobStore.Target(
                    cursor: CursorID.make(at: SystemClock().now()), endpoint: endpoint,
                    lane: endpoint.lane(of: installation.lanes))
            ])
        #expect(problem == nil)
        return id
    }

    func state(_ id: JobID) async throws -> JobRecord.State? {
        try await JobStore(installation.pool).find(id, tenant: tenant)?.state
    }
}
