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

    /// The database that `--dsn` names, or the installation's own.
    static func dsn(_ context: CommandContext) throws(ToolError) -> String {
        if let given = context.arguments["--dsn"] { return given }
        return try InstallationStatus.running(context.folder).dsn
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
