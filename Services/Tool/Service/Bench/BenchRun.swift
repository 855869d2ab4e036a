internal import Database
internal import Egress
internal import HTTPServer
internal import ServiceKit

/// One measurement: the harness alone, or an installation between generator and sink.
struct BenchRun: Sendable {
    let plan: BenchPlan
    let sink: BenchSink
    let sinkURL: String
    let console: Console
    let stop: ShutdownSignal

    /// The generator straight at the sink.
    func harness() async throws -> BenchReport {
        var headers = HeaderBlock()
        headers.append("Content-Type", "application/json")
        let target = BenchTarget(url: try WebClient.target("\(sinkURL)/0"), headers: headers)
        _ = await send(target, 0..<min(plan.warmUp, 1_000), fanOut: 1)
        return try await measure(target, CPUMeter(processes: [], postgres: nil), fanOut: 1)
    }

    /// Publish, store, match, deliver.
    func installation(_ status: InstallationStatus, _ api: APIClient) async throws -> BenchReport {
        var webhooks: [String] = []
        let outcome: Result<BenchReport, any Error>
        do {
            for index in 0..<plan.fanOut { webhooks.append(try await register(api, "\(sinkURL)/\(index)")) }
            for index in 0..<plan.stalled { webhooks.append(try await register(api, "\(sinkURL)/stalled/\(index)")) }
            outcome = .success(try await measure(status, api))
        } catch {
            outcome = .failure(error)
        }
        for webhook in webhooks {
            do {
                try await api.deleteWebhook(webhook)
            } catch {
                console.progress("webhook \(webhook) is left behind: \(error.message)")
            }
        }
        return try outcome.get()
    }

    private func register(_ api: APIClient, _ url: String) async throws(ToolError) -> String {
        try await api.createWebhook(url: url, events: [plan.door.eventType], description: "fanfare bench").id
    }

    private func measure(_ status: InstallationStatus, _ api: APIClient) async throws -> BenchReport {
        switch plan.door {
        case .publish:
            let url = try WebClient.target("\(api.access.ingestURL)/v1/events")
            return try await measure(
                status, BenchTarget(url: url, headers: api.headers(contentType: "application/json")))
        case .github:
            let integration = try await BenchIntegration.make(api)
            let outcome: Result<BenchReport, any Error>
            do {
                try await waitUntilOpen(integration.target)
                outcome = .success(try await measure(status, integration.target))
            } catch {
                outcome = .failure(error)
            }
            do {
                try await integration.delete(api)
            } catch {
                console.progress("integration \(integration.id) is left behind: \(error.message)")
            }
            return try outcome.get()
        }
    }

    /// Ingest hears of an integration a moment after the API has answered.
    private func waitUntilOpen(_ target: BenchTarget) async throws {
        // An id that no publication has: GitHub's door knows what it has seen.
        let spare = plan.warmUp + plan.events
        for _ in 0..<100 where !stop.isRequested {
            let probe = await send(target, spare..<spare + 1, fanOut: 0)
            if probe.accepted == 1 { return }
            await stop.wait(atMost: .milliseconds(20))
        }
        throw ToolError(.remote, "the door of the integration did not open within two seconds")
    }

    private func measure(_ status: InstallationStatus, _ target: BenchTarget) async throws -> BenchReport {
        console.progress("Warming up with \(plan.warmUp) events")
        let warm = await send(target, 0..<plan.warmUp, fanOut: plan.fanOut)
        guard warm.accepted == plan.warmUp else {
            throw ToolError(.remote, "only \(warm.accepted) of \(plan.warmUp) events were accepted: \(warm.refused)")
        }
        await waitForDeliveries(warm.accepted * plan.fanOut)
        let meter = CPUMeter(
            processes: status.services.compactMap { service in service.pid.map { (service.name.rawValue, $0) } },
            postgres: status.postgres)
        console.progress("Sending \(plan.events) events")
        try await StatementCount.reset(status.dsn)
        var report = try await measure(target, meter, fanOut: plan.fanOut)
        report.statements = try await StatementCount.read(status.dsn)
        report.memory = meter.peakMemory()
        return report
    }

    private func measure(
        _ target: BenchTarget, _ meter: CPUMeter, fanOut: Int
    ) async throws -> BenchReport {
        let before = meter.read()
        let start = BenchClock.now()
        // Ids that the warm-up did not have: one of its deliveries that is late does not count.
        let load = await send(target, plan.warmUp..<plan.warmUp + plan.events, fanOut: fanOut)
        await waitForDeliveries(load.accepted * fanOut)
        let after = meter.read()
        if stop.isRequested { throw ToolError(.interrupted, "interrupted") }
        let tally = sink.tally
        var cpu: [(name: String, seconds: Double)] = []
        for (first, second) in zip(before.byName, after.byName) {
            cpu.append((first.name, second.seconds - first.seconds))
        }
        return BenchReport(
            plan: plan, load: load, tally: tally, missing: sink.missing(of: load.accepted),
            deliverySeconds: Double(max(0, tally.lastArrival - start)) / 1e9, cpu: cpu, ownCPU: after.own - before.own)
    }

    private func send(
        _ target: BenchTarget, _ ids: Range<Int>, fanOut: Int
    ) async -> LoadGenerator.Result {
        sink.expect(ids, fanOut: fanOut)
        guard !ids.isEmpty else { return LoadGenerator.Result() }
        return await LoadGenerator(plan, target: target, ids: ids).run(until: stop)
    }

    /// Returns once they are there, or nothing new has come for the plan's patience.
    private func waitForDeliveries(_ count: Int) async {
        var last = sink.delivered
        var changed = ContinuousClock.now
        while last < count, !stop.isRequested, changed.duration(to: .now) < plan.patience {
            await stop.wait(atMost: .milliseconds(10))
            let now = sink.delivered
            if now != last { changed = .now }
            last = now
        }
    }
}

/// What `pg_stat_statements` counted.
enum StatementCount {
    static func reset(_ dsn: String) async throws {
        try await DatabaseSession.with(dsn: dsn) { try await $0.script("select pg_stat_statements_reset()") }
    }

    /// All statements since, but for the tool's own.
    static func read(_ dsn: String) async throws -> Int {
        try await DatabaseSession.with(dsn: dsn) { pool in
            try await pool.execute(
                Statement(
                    "bench.statements",
                    """
                    select coalesce(sum(calls), 0)::bigint from pg_stat_statements
                    where query not like '%pg_stat_statements%'
                    """)
            ).int(0, 0)
        }
    }
}
