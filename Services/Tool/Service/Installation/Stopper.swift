internal import ServiceKit

/// Ends everything of an installation, intake first.
struct Stopper: Sendable {
    let folder: InstallationFolder
    let console: Console

    /// - Returns: whether anything was running.
    @discardableResult func bringDown() async -> Bool {
        let processes = ServiceProcesses(folder: folder)
        var wasRunning = false
        for service in ServiceProcesses.stopOrder {
            if processes.running(service) != nil {
                wasRunning = true
                console.progress("Stopping \(service.rawValue)")
            }
            if await !processes.stop(service) {
                console.progress("  \(service.rawValue) did not end by itself and was killed")
            }
        }
        if PostgresCluster.running(folder) != nil {
            wasRunning = true
            console.progress("Stopping PostgreSQL")
        }
        await PostgresCluster.stop(folder)
        return wasRunning
    }
}
