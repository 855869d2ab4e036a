internal import CLinux
internal import Glibc
internal import ServiceKit

/// The four services of an installation as processes: which run, how to start one, how to end one.
struct ServiceProcesses: Sendable {
    let folder: InstallationFolder

    /// Intake first, then what it feeds: whoever drains still finds what it drains into.
    static let stopOrder: [ServiceName] = [.ingest, .matcher, .delivery, .feed]
    static let startOrder: [ServiceName] = [.feed, .delivery, .matcher, .ingest]
    /// The order in which people are shown them.
    static let displayOrder: [ServiceName] = [.ingest, .feed, .matcher, .delivery]

    /// What a service was started with is in its pid file, so that a later `up` sees whether that is still right.
    struct Record: Sendable, Hashable {
        var process: ProcessIdentity
        var fingerprint: String
    }

    /// The service's process, if it lives.
    func running(_ service: ServiceName) -> Record? {
        let words = (Files.text(folder.processFile(service)) ?? "").split { $0 == " " || $0 == "\n" }
        guard words.count == 3, let pid = Int32(words[0]), let start = UInt64(words[1]) else { return nil }
        let process = ProcessIdentity(pid: pid, startTime: start)
        guard process.isAlive else { return nil }
        return Record(process: process, fingerprint: String(words[2]))
    }

    /// Where the executables are: beside this one.
    static func executable(_ service: ServiceName) throws(ToolError) -> String {
        guard let tool = Files.target(ofLink: "/proc/self/exe"), let slash = tool.lastIndex(of: "/") else {
            throw ToolError(.environment, "/proc is not there, so the services cannot be found")
        }
        let path = "\(tool[..<slash])/\(service.rawValue)"
        guard Files.isExecutable(path) else {
            throw ToolError(.environment, "\(path) is missing: the services have to lie beside this program")
        }
        return path
    }

    /// Starts the service; it is not ready yet when this returns.
    func start(
        _ service: ServiceName, options: InstallationOptions, fingerprint: String, environment: [String: String]
    ) throws(ToolError) -> ProcessIdentity {
        let spawn = Spawn(
            arguments: [
                try Self.executable(service), "--config", folder.configuration, "--admin-listen",
                "127.0.0.1:\(options.adminPort(service) ?? 0)",
            ],
            environment: Self.environment(environment), output: folder.log(service), folder: folder.path)
        let process = try spawn.start()
        try Files.write(
            "\(process.pid) \(process.startTime) \(fingerprint)\n", to: folder.processFile(service),
            mode: Files.publicMode)
        return process
    }

    /// The settings of an installation are in its file alone: a variable meant for this program, or for another
    /// installation, must not get into the services.
    static func environment(_ environment: [String: String]) -> [String] {
        environment.filter { name, _ in
            !name.hasPrefix("FANFARE_") && !name.hasPrefix("PG") || name == "FANFARE_REVISION"
        }.map { "\($0.key)=\($0.value)" }.sorted()
    }

    /// Longer than the services' own grace (`shutdown.grace`), after which they end by themselves.
    static let patience = Duration.seconds(30)

    /// Ends a service and returns once it is gone. False when it had to be killed.
    @discardableResult func stop(_ service: ServiceName, patience: Duration = Self.patience) async -> Bool {
        guard let process = running(service)?.process else {
            Files.remove(folder.processFile(service))
            return true
        }
        // A process that was stopped takes no SIGTERM before it goes on.
        process.send(SIGTERM)
        process.send(SIGCONT)
        var hasEnded = await ProcessTable.waitForEnd(of: process, within: patience)
        let isOrderly = hasEnded
        while !hasEnded {
            process.send(SIGKILL)
            hasEnded = await ProcessTable.waitForEnd(of: process, within: .seconds(1))
        }
        Files.remove(folder.processFile(service))
        return isOrderly
    }
}
