internal import ServiceKit

/// Whose partitions a command is about: an installation of `up`, or one whose settings it is given.
struct PartitionsPlace: Sendable {
    /// As a service reads it.
    let configuration: Configuration
    let dsn: String
    /// Of `up`; nil for one that runs elsewhere.
    let folder: InstallationFolder?

    static let options: [CommandSpec.Option] = [
        .init("--config", "FILE", "the services' settings; FANFARE_… variables count for more"), .dsn, .directory,
    ]

    /// `--config` and `--dsn`, else `--dir`, else the environment, else the present folder.
    init(_ context: CommandContext) throws(ToolError) {
        let arguments = context.arguments
        var environment = context.environment
        if let dsn = arguments["--dsn"] { environment["FANFARE_POSTGRES_DSN"] = dsn }
        let hasSettings = environment["FANFARE_POSTGRES_DSN"] != nil || environment["FANFARE_POSTGRES_DSN_FILE"] != nil
        let isElsewhere =
            arguments["--config"] != nil || arguments["--dsn"] != nil || arguments["--dir"] == nil && hasSettings
        if isElsewhere {
            folder = nil
            configuration = try Self.read(arguments["--config"], environment)
        } else {
            guard context.folder.isInstallation, Files.exists(context.folder.configuration) else {
                throw ToolError(
                    .notRunning,
                    "there is no installation in \(context.folder.path): name its folder with --dir, or its settings with --config or FANFARE_… variables"
                )
            }
            folder = context.folder
            // The services of a folder read its file alone.
            configuration = try Self.read(context.folder.configuration, [:])
        }
        guard let dsn = configuration[Settings.postgresDSN]?.reveal() else {
            throw ToolError(.usage, "which database? Say --dsn, FANFARE_POSTGRES_DSN, or postgres.dsn in the file")
        }
        self.dsn = dsn
    }

    private static func read(_ path: String?, _ environment: [String: String]) throws(ToolError) -> Configuration {
        do throws(ConfigurationError) {
            let invocation = try ServiceCommandLine(service: .matcher, summary: "").parse(
                path.map { ["--config", $0] } ?? [], environment: environment)
            guard case .run(let configuration) = invocation else { preconditionFailure("no flag asks for a text") }
            return configuration
        } catch {
            throw ToolError(.usage, error.problems.joined(separator: "\n"))
        }
    }
}
