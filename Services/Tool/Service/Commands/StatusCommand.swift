internal import ServiceKit

/// `fanfare status`
enum StatusCommand {
    static let command = Command(
        CommandSpec(
            name: "status", summary: "tells what runs, where, and the token", options: [.directory, .json],
            details:
                "Exit code 0 when everything runs, 1 when a part is gone (`fanfare up` brings it back), 3 when nothing runs."
        )
    ) { try await run($0) }

    private static func run(_ context: CommandContext) async throws -> ExitCode {
        let status = try InstallationStatus(context.folder)
        guard status.isRunning else {
            throw ToolError(.notRunning, "nothing runs in \(context.folder.path); `fanfare up --detach` starts it")
        }
        if try context.arguments.flag("--json") {
            context.console.line(status.json)
        } else {
            context.console.text(status.text)
        }
        return status.isComplete ? .done : .failed
    }
}
