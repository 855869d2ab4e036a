internal import ServiceKit

/// `fanfare up`
enum UpCommand {
    static let command = Command(
        CommandSpec(
            name: "up", summary: "starts everything on this machine: a private PostgreSQL and the four services",
            options: [
                .init(
                    "--detach", nil,
                    "returns once everything is ready; else stays, restarts what dies, and stops all on Ctrl-C"),
                .directory,
                .init("--port-base", "N", "ingest listens on N, the feed on N+1, admin ports are N+10 to N+13 (3400)"),
                .init("--log", "KIND", "what carries the events: postgres (default) or kafka; fixed once made"),
                .init("--kafka", "HOST:PORT", "where Kafka is, with --log kafka"),
                .init(
                    "--allow-private-targets", nil, "webhooks may point to private addresses and plain http: for trials"
                ),
            ],
            details: """
                The first call makes the folder: a PostgreSQL cluster, a key, a tenant with a workspace and a token. A later
                one finds them again, remembers the options, and brings back whatever is gone. Settings of the services
                belong into DIR/fanfare.conf, their logs are in DIR/logs.
                """)
    ) { try await run($0) }

    private static func run(_ context: CommandContext) async throws -> ExitCode {
        let wish = try wish(context.arguments)
        let isDetached = try context.arguments.flag("--detach")
        let folder = context.folder
        let console = context.console
        try Files.makeFolder(folder.path)
        // Resolvable only now that it exists.
        let resolved = context.folder
        let lock = try await InstallationLock.take(resolved, note: InstallationLock.starting, console: console) {
            (holder) throws(ToolError) in
            throw ToolError(
                .environment,
                "process \(holder.pid) (`fanfare up`) looks after this installation already; end it, or `fanfare down`, first"
            )
        }
        let http = WebClient()
        defer { http.stop() }
        let starter = Starter(
            folder: resolved, environment: context.environment, console: console, http: http, stop: context.shutdown)
        let status = try await starter.bringUp(wish)
        console.progress("Everything is ready\n")
        console.text(status.text)
        if isDetached {
            withExtendedLifetime(lock) {}
            return .done
        }
        lock.note(InstallationLock.supervising)
        console.progress("\nCtrl-C stops everything")
        await Supervisor(starter: starter, options: status.options).run(until: context.shutdown)
        lock.note(InstallationLock.stopping)
        await Stopper(folder: resolved, console: console).bringDown()
        withExtendedLifetime(lock) {}
        return .done
    }

    static func wish(_ arguments: Arguments) throws(ToolError) -> UpWish {
        var wish = UpWish()
        wish.portBase = try arguments.int("--port-base", in: InstallationOptions.portBases)
        wish.allowsPrivateTargets = try arguments.optionalFlag("--allow-private-targets")
        if let text = arguments["--log"] {
            guard let kind = BackboneKind(rawValue: text) else {
                throw ToolError(.usage, "--log is postgres or kafka")
            }
            wish.backbone = kind
        }
        if let text = arguments["--kafka"] {
            guard let address = HostPort(text), address.port > 0 else {
                throw ToolError(.usage, "--kafka is of the form HOST:PORT")
            }
            wish.kafka = address.description
        }
        return wish
    }
}
