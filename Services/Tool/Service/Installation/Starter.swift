internal import Crypto
internal import ServiceKit

/// Brings an installation to where everything in it runs and is ready; what runs already is left alone.
struct Starter: Sendable {
    let folder: InstallationFolder
    let environment: [String: String]
    let console: Console
    let http: WebClient
    let stop: ShutdownSignal

    /// Goes through all steps. Holding the installation's lock is the caller's business.
    ///
    /// - Throws: what went wrong first; what this call started is ended then.
    func bringUp(_ wish: UpWish) async throws -> InstallationStatus {
        let options = try remember(wish)
        let running = ServiceProcesses.displayOrder.filter { processes.running($0) != nil }
        try Ports.check(ServiceProcesses.displayOrder.filter { !running.contains($0) }, options)
        let (cluster, wasStarted) = try await bringUpPostgres()
        do {
            return try await bringUp(options, on: cluster)
        } catch {
            // What this call started does not outlive its failure.
            if wasStarted { await PostgresCluster.stop(folder) }
            throw error
        }
    }

    private func bringUp(_ options: InstallationOptions, on cluster: PostgresCluster) async throws -> InstallationStatus
    {
        let setup = PostgresSetup(cluster: cluster, console: console)
        let applied = try await setup.prepareDatabase()
        if !applied.isEmpty { console.progress("Brought the schema forward (\(applied.count) migrations)") }
        try makeMasterKey()
        let access = try await makeAccess(setup)
        try writeConfiguration(options, dsn: cluster.dsn())
        try await bringUpServices(options)
        return InstallationStatus(
            options: options, access: access, dsn: cluster.dsn(), postgres: cluster.running?.pid,
            pids: { processes.running($0)?.process.pid })
    }

    var processes: ServiceProcesses { ServiceProcesses(folder: folder) }

    private func remember(_ wish: UpWish) throws(ToolError) -> InstallationOptions {
        let known = try InstallationOptions.read(folder)
        var options = known ?? InstallationOptions()
        try options.apply(wish, isNew: known == nil)
        for service in ServiceProcesses.displayOrder { _ = try ServiceProcesses.executable(service) }
        if options.backbone == .kafka, options.topicPrefix == nil {
            options.topicPrefix = "fanfare-\(SecureRandom.bytes(4).map { Self.hex($0) }.joined())."
        }
        try folder.make()
        if options != known { try Files.write(options.json, to: folder.options, mode: Files.publicMode) }
        return options
    }

    private static func hex(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16)
        return text.count == 1 ? "0\(text)" : text
    }

    // MARK: Postgres

    /// - Returns: the cluster, and whether its server was started now.
    func bringUpPostgres() async throws(ToolError) -> (PostgresCluster, wasStarted: Bool) {
        let programs = try await PostgresPrograms.find(
            environment: environment, version: PostgresCluster.version(folder))
        let cluster = try await PostgresCluster(folder, programs, console: console)
        try await cluster.create()
        let setup = PostgresSetup(cluster: cluster, console: console)
        if let process = cluster.running {
            try await setup.waitForServer(process, until: stop)
            return (cluster, false)
        }
        console.progress("Starting PostgreSQL")
        try await setup.waitForServer(try await cluster.start(), until: stop)
        return (cluster, true)
    }

    // MARK: Files

    private func makeMasterKey() throws(ToolError) {
        guard !Files.exists(folder.masterKey) else { return }
        try Files.write(MasterKey.generate().text + "\n", to: folder.masterKey, mode: Files.privateMode)
    }

    private func makeAccess(_ setup: PostgresSetup) async throws -> InstallationAccess {
        if let access = try InstallationAccess.read(folder), try await setup.knows(access) { return access }
        let access = try await setup.makeAccess()
        try Files.write(access.json, to: folder.access, mode: Files.privateMode)
        console.progress("Made a first tenant, a workspace and tokens (\(folder.access))")
        return access
    }

    private func writeConfiguration(_ options: InstallationOptions, dsn: String) throws(ToolError) {
        let existing = Files.text(folder.configuration)
        let text = ConfigurationWriter(folder: folder, options: options, dsn: dsn).text(keeping: existing)
        if text != existing { try Files.write(text, to: folder.configuration, mode: Files.privateMode) }
    }

    // MARK: Services

    /// What a service was started with: other settings, or another executable, ask for another process.
    func fingerprint(_ service: ServiceName, _ options: InstallationOptions) throws(ToolError) -> String {
        let settings = Files.text(folder.configuration) ?? ""
        let executable = try ServiceProcesses.executable(service)
        let build = Files.modificationTime(executable) ?? 0
        let text = "\(settings)\n\(executable)\n\(build)\n\(options.adminPort(service) ?? 0)"
        return String(SHA256.hash(text).hex.prefix(16))
    }

    private func bringUpServices(_ options: InstallationOptions) async throws(ToolError) {
        var started: [ServiceName: ProcessIdentity] = [:]
        var waiting: [ServiceName: ProcessIdentity] = [:]
        do throws(ToolError) {
            for service in ServiceProcesses.stopOrder {
                guard let record = processes.running(service) else { continue }
                if record.fingerprint == (try fingerprint(service, options)) {
                    waiting[service] = record.process
                } else {
                    console.progress(
                        "Stopping \(service.rawValue), which is to run with other settings or from another build")
                    await processes.stop(service)
                }
            }
            for service in ServiceProcesses.startOrder where waiting[service] == nil {
                console.progress("Starting \(service.rawValue)")
                let process = try start(service, options)
                started[service] = process
                waiting[service] = process
            }
            try await ReadinessWatch(folder: folder, options: options, http: http, console: console)
                .wait(for: waiting, until: stop)
        } catch {
            for service in ServiceProcesses.stopOrder where started[service] != nil {
                await processes.stop(service, patience: .seconds(5))
            }
            throw error
        }
    }

    func start(_ service: ServiceName, _ options: InstallationOptions) throws(ToolError) -> ProcessIdentity {
        try processes.start(
            service, options: options, fingerprint: try fingerprint(service, options), environment: environment)
    }
}
