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
        let target = try WebClient.target("\(sinkURL)/0")
        var headers = HeaderBlock()
        headers.append("Content-Type", "application/json")
        _ = await send(target, headers, 0..<min(plan.warmUp, 1_000), fanOut: 1)
        return try await measure(target, headers, CPUMeter(processes: [], postgres: nil), fanOut: 1)
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
        try await api.createWebhook(url: url, events: [BenchPlan.type], description: "fanfare bench").id
    }

    private func measure(_ status: InstallationStatus, _ api: APIClient) async throws -> BenchReport {
        let target = try WebClient.target("\(api.access.ingestURL)/v1/events")
        let headers = api.headers(contentType: "application/json")
        console.progress("Warming up with \(plan.warmUp) events")
        let warm = await send(target, headers, 0..<plan.warmUp, fanOut: plan.fanOut)
        guard warm.accepted == plan.warmUp else {
            throw ToolError(.remote, "only \(warm.accepted) of \(plan.warmUp) events were accepted: \(warm.refused)")
        }
        await waitForDeliveries(warm.accepted * plan.fanOut)
        let meter = CPUMeter(
            processes: status.services.compactMap { service in service.pid.map { (service.name.rawValue, $0) } },
            postgres: status.postgres)
        console.progress("Sending \(plan.events) events")
        try await StatementCount.reset(status.dsn)
        var report = try await measure(target, headers, meter, fanOut: plan.fanOut)
        report.statements = try await StatementCount.read(status.dsn)
        report.memory = meter.peakMemory()
        return report
    }

    private func measure(
        _ target: TargetURL, _ headers: HeaderBlock, _ meter: CPUMeter, fanOut: Int
    ) async throws -> BenchReport {
        let before = meter.read()
        let start = BenchClock.now()
        // Ids that the warm-up did not have: one of its deliveries that is late does not count.
        let load = await send(target, headers, plan.warmUp..<plan.warmUp + plan.events, fanOut: fanOut)
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
        _ target: TargetURL, _ headers: HeaderBlock, _ ids: Range<Int>, fanOut: Int
    ) async -> LoadGenerator.Result {
        sink.expect(ids, fanOut: fanOut)
        guard !ids.isEmpty else { return LoadGenerator.Result() }
        return await LoadGenerator(plan, target: target, headers: headers, ids: ids).run(until: stop)
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
