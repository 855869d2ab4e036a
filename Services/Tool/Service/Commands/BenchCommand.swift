internal import EventCodec
internal import HTTPServer
internal import ServiceKit

/// `fanfare bench`
enum BenchCommand {
    static let command = Command(
        CommandSpec(
            name: "bench", summary: "measures how fast events are accepted and delivered on this machine",
            options: [
                .init("--events", "N", "how many are counted (20000)"),
                .init("--rate", "N", "offered events a second; else closed loop: the next when one is answered"),
                .init("--connections", "N", "publications under way at a time (64)"),
                .init("--size", "BYTES", "of a publication's body (600)"),
                .init("--door", "DOOR", "publish, github (a signed push), or both one after the other (publish)"),
                .init("--fanout", "N", "webhooks that each event goes to (1); 0 measures acceptance alone"),
                .init("--stalled", "N", "webhooks beside them that never answer (0)"),
                .init("--warm-up", "N", "events before that are not counted (1000)"),
                .init("--patience", "DURATION", "how long deliveries may stay away before they count as missing (30s)"),
                .init("--harness-only", nil, "only the generator straight at the sink"),
                .init("--no-harness", nil, "leaves that out; it is left out with --rate anyway"),
                .json, .directory,
            ],
            details: """
                Generator and sink are this process, on one thread each. Webhooks are registered for the run and deleted after
                it; the installation must allow private targets. First the harness runs alone, so that the installation's
                figures can be seen as shares of it. Events are timed from when they were due. Exit code 1 when an event is
                missing, delivered twice or refused.
                """)
    ) { try await run($0) }

    private static func run(_ context: CommandContext) async throws -> ExitCode {
        let plans = try plans(context.arguments)
        let plan = plans[0]
        let isHarnessOnly = try context.arguments.flag("--harness-only")
        let leavesHarnessOut = try context.arguments.flag("--no-harness") || plan.rate != nil
        let isJSON = try context.arguments.flag("--json")
        let status = isHarnessOnly ? nil : try runningStatus(context)
        let sink = BenchSink()
        let server = BenchSink.makeServer(sink)
        let port = try server.start()
        let http = WebClient()
        defer { http.stop() }
        let runs = plans.map { plan in
            BenchRun(
                plan: plan, sink: sink, sinkURL: "http://127.0.0.1:\(port)", console: context.console,
                stop: context.shutdown)
        }
        let outcome: Result<ExitCode, any Error>
        do {
            var harness: BenchReport?
            if isHarnessOnly || !leavesHarnessOut {
                context.console.progress("Measuring the harness alone")
                harness = try await runs[0].harness()
            }
            var reports: [BenchReport] = []
            if let status {
                for run in runs {
                    reports.append(
                        try await run.installation(status, APIClient(access: try .find(context), http: http)))
                }
            }
            print(context.console, reports, harness: harness, isJSON: isJSON)
            let isClean = reports.isEmpty ? harness?.isClean == true : reports.allSatisfy(\.isClean)
            outcome = .success(isClean ? .done : .failed)
        } catch {
            outcome = .failure(error)
        }
        await server.shutdown(deadline: .zero)
        return try outcome.get()
    }

    private static func runningStatus(_ context: CommandContext) throws(ToolError) -> InstallationStatus {
        let status = try InstallationStatus(context.folder)
        guard status.isComplete else {
            throw ToolError(
                .notRunning, "not everything runs in \(context.folder.path); `fanfare up --detach` starts it")
        }
        guard status.options.allowsPrivateTargets else {
            throw ToolError(
                .environment,
                "the sink is on this machine: `fanfare up --detach --allow-private-targets` lets webhooks go there")
        }
        return status
    }

    /// One a door.
    static func plans(_ arguments: Arguments) throws(ToolError) -> [BenchPlan] {
        let plan = try plan(arguments)
        let name = arguments.all("--door").last ?? BenchDoor.publish.rawValue
        let doors = name == "both" ? BenchDoor.allCases : [BenchDoor(rawValue: name)].compactMap(\.self)
        guard !doors.isEmpty else { throw ToolError(.usage, "--door is publish, github or both") }
        return doors.map { door in
            var plan = plan
            plan.door = door
            return plan
        }
    }

    static func plan(_ arguments: Arguments) throws(ToolError) -> BenchPlan {
        var plan = BenchPlan()
        plan.events = try arguments.int("--events", in: 1...50_000_000) ?? plan.events
        plan.rate = try arguments.int("--rate", in: 1...1_000_000).map { Double($0) }
        plan.connections = try arguments.int("--connections", in: 1...10_000) ?? plan.connections
        plan.bytes = try arguments.int("--size", in: 120...250_000) ?? plan.bytes
        plan.fanOut = try arguments.int("--fanout", in: 0...1_000) ?? plan.fanOut
        plan.stalled = try arguments.int("--stalled", in: 0...1_000) ?? plan.stalled
        plan.warmUp = try arguments.int("--warm-up", in: 0...1_000_000) ?? plan.warmUp
        plan.patience = try arguments.duration("--patience", in: .seconds(1) ... .seconds(3_600)) ?? plan.patience
        // At a low rate the warming up would take longer than the run.
        if let rate = plan.rate { plan.warmUp = min(plan.warmUp, Int(rate * 3)) }
        return plan
    }

    private static func print(
        _ console: Console, _ reports: [BenchReport], harness: BenchReport?, isJSON: Bool
    ) {
        guard isJSON else {
            for report in reports { console.text(report.text(harness: harness)) }
            if reports.isEmpty, let harness { console.text(harness.text(harness: nil)) }
            if reports.count == 2 {
                let share = reports[1].acceptedPerSecond / max(1e-9, reports[0].acceptedPerSecond) * 100
                console.line("The github door accepts \(BenchReport.number(share, 1)) % of what the publish door does.")
            }
            return
        }
        var writer = JSONWriter()
        writer.object {
            if let report = reports.first {
                $0.key("installation")
                report.write(to: &$0)
            }
            if reports.count == 2 {
                $0.key("github")
                reports[1].write(to: &$0)
            }
            if let harness {
                $0.key("harness")
                harness.write(to: &$0)
            }
            if let report = reports.first, let harness, harness.deliveredPerSecond > 0, harness.ownMicroseconds > 0 {
                $0.member("share_of_harness", report.deliveredPerSecond / harness.deliveredPerSecond)
                $0.member("cpu_ratio", report.totalMicroseconds / harness.ownMicroseconds)
            }
        }
        console.line(String(decoding: writer.bytes, as: UTF8.self))
    }
}
