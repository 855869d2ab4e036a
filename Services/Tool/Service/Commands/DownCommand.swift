internal import Glibc
internal import ServiceKit

/// `fanfare down`
enum DownCommand {
    static let command = Command(
        CommandSpec(
            name: "down", summary: "stops everything that `up` started; the data stay", options: [.directory],
            details: "Each service finishes what it has begun, and is killed when that takes longer than 30 s.")
    ) { try await run($0) }

    private static func run(_ context: CommandContext) async throws -> ExitCode {
        let folder = context.folder
        let console = context.console
        guard Files.isFolder(folder.path), folder.isInstallation || Files.exists(folder.lock) else {
            console.progress("Nothing runs: there is no installation in \(folder.path)")
            return .done
        }
        var told: Int32?
        let lock = try await InstallationLock.take(folder, note: InstallationLock.stopping, console: console) {
            (holder) throws(ToolError) in
            // A foreground `up` would bring back what is stopped: it has to end first, and stops all itself.
            // Once: the second signal would make it leave everything as it is.
            guard told != holder.pid, let process = ProcessTable.identity(holder.pid) else { return }
            told = holder.pid
            process.send(SIGTERM)
        }
        let wasRunning = await Stopper(folder: folder, console: console).bringDown()
        console.progress(wasRunning ? "Everything is stopped" : "Nothing was running in \(folder.path)")
        withExtendedLifetime(lock) {}
        return .done
    }
}
