internal import ServiceKit

/// An installation of `up` whose services are stopped, with its database for the length of one piece of work.
struct StoppedInstallation {
    let folder: InstallationFolder
    let context: CommandContext

    private static let note = "partitions"

    /// Starts PostgreSQL where it does not run, brings the schema forward, and stops what was started.
    ///
    /// - Throws: `environment` when a service runs.
    func run<Value>(_ body: () async throws -> Value) async throws -> Value {
        let lock = try await InstallationLock.take(folder, note: Self.note, console: context.console) {
            (holder) throws(ToolError) in
            throw ToolError(
                .environment,
                "process \(holder.pid) (`fanfare up`) looks after this installation; end it, or `fanfare down`, first")
        }
        defer { withExtendedLifetime(lock) {} }
        let processes = ServiceProcesses(folder: folder)
        let running = ServiceProcesses.displayOrder.compactMap { service in
            processes.running(service).map { "\(service.rawValue) (pid \($0.process.pid))" }
        }
        guard running.isEmpty else {
            throw ToolError(
                .environment,
                "services are running, and have to be stopped first, by `fanfare down`: \(running.joined(separator: ", "))"
            )
        }
        let http = WebClient()
        defer { http.stop() }
        let starter = Starter(
            folder: folder, environment: context.environment, console: context.console, http: http,
            stop: context.shutdown)
        let (cluster, wasStarted) = try await starter.bringUpPostgres()
        do {
            _ = try await PostgresSetup(cluster: cluster, console: context.console).prepareDatabase()
            let value = try await body()
            if wasStarted { await PostgresCluster.stop(folder) }
            return value
        } catch {
            if wasStarted { await PostgresCluster.stop(folder) }
            throw error
        }
    }
}
