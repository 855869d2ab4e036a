internal import ServiceKit

/// Keeps the processes of an installation running until it is told to stop.
struct Supervisor: Sendable {
    let starter: Starter
    let options: InstallationOptions

    /// Between the end of a process and its next start; doubles up to the second with each end that comes soon.
    private static let pauses = (first: Duration.milliseconds(200), longest: Duration.seconds(15))
    /// Who ran this long is well again.
    private static let healthy = Duration.seconds(60)
    /// How long an end may stay unnoticed once the watching itself has to be ended.
    private static let watchSlice = Duration.milliseconds(500)

    /// Returns once `stop` is requested; the processes run on.
    func run(until stop: ShutdownSignal) async {
        await withDiscardingTaskGroup { group in
            for service in ServiceProcesses.startOrder {
                group.addTask { await keep(service.rawValue, until: stop, find(service), start(service)) }
            }
            group.addTask {
                await keep(
                    "PostgreSQL", until: stop, { PostgresCluster.running(starter.folder) },
                    { try await starter.bringUpPostgres().0.running })
            }
        }
    }

    private func find(_ service: ServiceName) -> @Sendable () -> ProcessIdentity? {
        { starter.processes.running(service)?.process }
    }

    private func start(_ service: ServiceName) -> @Sendable () async throws -> ProcessIdentity? {
        { try starter.start(service, options) }
    }

    private func keep(
        _ name: String, until stop: ShutdownSignal, _ find: @Sendable () -> ProcessIdentity?,
        _ start: @Sendable () async throws -> ProcessIdentity?
    ) async {
        var pause = Self.pauses.first
        var process = find()
        while !stop.isRequested {
            if let running = process {
                let since = ContinuousClock.now
                while !stop.isRequested, await !ProcessTable.waitForEnd(of: running, within: Self.watchSlice) {}
                if stop.isRequested { return }
                if since.duration(to: .now) > Self.healthy { pause = Self.pauses.first }
                starter.console.progress("\(name) has ended; starting it again")
            }
            await stop.wait(atMost: pause)
            pause = min(pause * 2, Self.pauses.longest)
            guard !stop.isRequested else { return }
            do {
                process = try await start()
            } catch {
                process = nil
                starter.console.progress("\(name) does not start: \(error)")
            }
        }
    }
}
