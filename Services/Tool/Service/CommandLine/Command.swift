internal import ServiceKit

/// What a command may use.
struct CommandContext: Sendable {
    var arguments: Arguments
    var environment: [String: String]
    var console: Console
    /// Requested by SIGINT or SIGTERM.
    var shutdown: ShutdownSignal

    /// The installation that `--dir`, `FANFARE_DIR` or the present folder name.
    var folder: InstallationFolder { InstallationFolder(given: arguments["--dir"], environment: environment) }
}

/// A command: its description and what it does.
struct Command: Sendable {
    var spec: CommandSpec
    var run: @Sendable (CommandContext) async throws -> ExitCode

    init(_ spec: CommandSpec, run: @escaping @Sendable (CommandContext) async throws -> ExitCode) {
        self.spec = spec
        self.run = run
    }
}

extension [CommandSpec.Option] {
    /// What every command that talks to the API takes.
    static let remote: [CommandSpec.Option] = [.directory, .url, .token]
}

extension CommandSpec.Option {
    static let directory = CommandSpec.Option(
        "--dir", "DIR", "the installation's folder; else $FANFARE_DIR, else ./.fanfare")
    static let json = CommandSpec.Option("--json", nil, "prints JSON, for programs")
    static let url = CommandSpec.Option(
        "--url", "URL", "another installation, such as https://events.example.com; else $FANFARE_URL")
    static let token = CommandSpec.Option("--token", "TOKEN", "the token for it; else $FANFARE_TOKEN")
    static let dsn = CommandSpec.Option(
        "--dsn", "DSN", "the database, as libpq reads it; else $FANFARE_POSTGRES_DSN, else the installation's own")
}
