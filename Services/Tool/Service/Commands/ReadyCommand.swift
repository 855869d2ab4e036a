internal import ServiceKit

/// `fanfare ready`: for health checks where nothing else speaks HTTP, as in the image.
enum ReadyCommand {
    private static let within = CommandSpec.Option(
        "--within", "DURATION", "waits that long for it, such as 30s; else it looks once")

    static let command = Command(
        CommandSpec(
            name: "ready", summary: "tells whether a service is ready, by its exit code",
            positionals: [.init(name: "URL", help: "of its admin port, such as http://127.0.0.1:3410")],
            options: [within],
            details: "Asks /readyz. Exit codes: 0 ready, 1 not ready, and then it prints what it waits for.")
    ) { try await run($0) }

    private static let waits = Duration.seconds(1) ... .seconds(3600)
    private static let interval = Duration.milliseconds(100)
    /// Kubernetes and Compose give a probe a few seconds.
    private static let patience = Duration.seconds(2)

    private static func run(_ context: CommandContext) async throws -> ExitCode {
        let limit = try context.arguments.duration("--within", in: waits) ?? .zero
        var base = context.arguments.positional(0) ?? ""
        while base.hasSuffix("/") { base.removeLast() }
        _ = try WebClient.target("\(base)/readyz")
        let client = WebClient()
        defer { client.stop() }
        let end = ContinuousClock.now.advanced(by: limit)
        while true {
            let problem: String
            do throws(ToolError) {
                let answer = try await client.get("\(base)/readyz", timeout: patience)
                if answer.status == 200 { return .done }
                let failing = ReadinessWatch.failing(answer.body)
                problem = failing.isEmpty ? "answers \(answer.status)" : "waits for \(failing.joined(separator: ", "))"
            } catch {
                problem = error.message
            }
            guard ContinuousClock.now < end, !context.shutdown.isRequested else {
                context.console.error("\(base): \(problem)")
                return .failed
            }
            try await Task.sleep(for: interval)
        }
    }
}
