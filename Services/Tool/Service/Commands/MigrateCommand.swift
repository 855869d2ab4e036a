internal import ServiceKit

/// `fanfare migrate`
enum MigrateCommand {
    static let command = Command(
        CommandSpec(
            name: "migrate", summary: "brings the database's schema forward", options: [.dsn, .directory],
            details: "Safe to run by several at once, and while services run. There is no way back: back up first.")
    ) { try await run($0) }

    private static func run(_ context: CommandContext) async throws -> ExitCode {
        let applied = try await DatabaseSession.with(dsn: try dsn(context)) { try await DatabaseSession.migrate($0) }
        for migration in applied { context.console.line("applied \(migration)") }
        if applied.isEmpty { context.console.line("the schema is current") }
        return .done
    }

    /// The database that `--dsn` or the services' own settings name, or the installation's.
    static func dsn(_ context: CommandContext) throws(ToolError) -> String {
        if let given = try givenDSN(context) { return given }
        return try InstallationStatus.running(context.folder).dsn
    }

    /// Nil where the database is that of an installation of `up`. A container has the services' settings in its environment;
    /// `--dir` counts for more than they do, since somebody has just written it.
    static func givenDSN(_ context: CommandContext) throws(ToolError) -> String? {
        if let given = context.arguments["--dsn"] { return given }
        guard context.arguments["--dir"] == nil else { return nil }
        if let text = context.environment["FANFARE_POSTGRES_DSN"], !text.isEmpty { return text }
        guard let path = context.environment["FANFARE_POSTGRES_DSN_FILE"], !path.isEmpty else { return nil }
        guard let text = Files.text(path) else { throw Files.failure("cannot read \(path)") }
        return String(text.prefix { !$0.isNewline })
    }
}

extension InstallationStatus {
    /// - Throws: `notRunning` unless its Postgres runs.
    static func running(_ folder: InstallationFolder) throws(ToolError) -> InstallationStatus {
        let status = try InstallationStatus(folder)
        guard status.postgres != nil else {
            throw ToolError(.notRunning, "PostgreSQL does not run in \(folder.path); `fanfare up --detach` starts it")
        }
        return status
    }
}
