internal import CLinux
public import Database
internal import EventCodec
internal import Glibc
internal import Observability
internal import Synchronization

/// A whole installation of a test's own, by `fanfare up`: PostgreSQL, the four services, a tenant. The executables are the
/// ones built with the tests.
///
/// It is ended and removed when the test process ends, however that ends.
///
/// ```swift
/// let installation = try await Installation.start()
/// let event = try await installation.publish("run.completed", #"{"n":1}"#)
/// try installation.kill(.matcher)
/// try await installation.up()          // brings back what is gone
/// ```
public final class Installation: Sendable {
    /// A service, by its executable's name.
    public enum Service: String, Sendable, CaseIterable {
        case ingest = "fanfare-ingest"
        case feed = "fanfare-feed"
        case matcher = "fanfare-matcher"
        case delivery = "fanfare-delivery"
    }

    /// What `fanfare` answered.
    public struct ToolResult: Sendable {
        public let code: Int32
        public let output: String
        public let errors: String
    }

    /// DIR of the tool.
    public let folder: String
    public let portBase: Int
    private let options: [String]
    private let state: Mutex<InstallationStatus?> = Mutex(nil)
    private let calls = Atomic<Int>(0)
    /// The guard holds the other end: as long as this process lives, it waits.
    private let lifeline: Int32

    /// Starts one and waits until everything is ready.
    ///
    /// - Parameters:
    ///   - kafka: `host:port` of a broker, for the backbone Kafka; else Postgres alone.
    ///   - settings: lines of `key = value` for the services.
    public static func start(
        kafka: String? = nil, settings: [String] = [], allowsPrivateTargets: Bool = true
    ) async throws -> Installation {
        let installation = try Installation(
            options: (allowsPrivateTargets ? ["--allow-private-targets"] : [])
                + (kafka.map { ["--log", "kafka", "--kafka", $0] } ?? []))
        if !settings.isEmpty {
            try TestFolders.append(settings.joined(separator: "\n") + "\n", to: "\(installation.folder)/fanfare.conf")
        }
        try await installation.up()
        return installation
    }

    /// An empty folder and free ports; nothing runs before `up`.
    public init(options: [String] = ["--allow-private-targets"]) throws {
        var template = Array("/tmp/fanfare-up-XXXXXX".utf8CString)
        guard let path = mkdtemp(&template) else { throw SpawnError("mkdtemp", errno) }
        folder = String(cString: path)
        // The server may run as another user.
        guard chmod(folder, 0o755) == 0 else { throw SpawnError("chmod", errno) }
        lifeline = try Self.startGuard(of: folder)
        portBase = FreePorts.consecutive(14)
        self.options = options
    }

    // MARK: The tool

    /// `fanfare up --detach`: starts everything, or brings back what is gone.
    public func up() async throws {
        let result = try await tool(["up", "--detach", "--port-base", "\(portBase)"] + options, within: .seconds(120))
        guard result.code == 0 else { throw SpawnError("fanfare up: \(result.code) \(result.errors)") }
        try await refresh()
    }

    /// `fanfare down`.
    public func down() async throws {
        let result = try await tool(["down"], within: .seconds(180))
        guard result.code == 0 else { throw SpawnError("fanfare down: \(result.code) \(result.errors)") }
    }

    /// Runs `fanfare COMMAND … --dir DIR` to its end.
    public func tool(_ arguments: [String], within limit: Duration = .seconds(60)) async throws -> ToolResult {
        let process = try startTool(arguments)
        guard let end = await process.end(within: limit) else {
            await process.stop(within: .zero)
            throw SpawnError("fanfare \(arguments.joined(separator: " ")) took longer than \(limit): \(process.errors)")
        }
        guard case .exited(let code) = end else { throw SpawnError("fanfare \(arguments): \(end)") }
        return ToolResult(code: code, output: process.output, errors: process.errors)
    }

    /// Starts `fanfare COMMAND … --dir DIR`.
    public func startTool(_ arguments: [String]) throws -> ProcessUnderTest {
        let number = calls.wrappingAdd(1, ordering: .relaxed).newValue
        let calls = "\(folder)/calls"
        mkdir(calls, 0o755)
        return try ProcessUnderTest(
            "fanfare", arguments + ["--dir", folder], folder: calls, log: "\(number)-\(arguments.first ?? "")")
    }

    /// Reads `fanfare status --json` again.
    @discardableResult public func refresh() async throws -> InstallationStatus {
        let result = try await tool(["status", "--json"])
        guard let status = InstallationStatus(result.output) else {
            throw SpawnError("fanfare status: \(result.code) \(result.output) \(result.errors)")
        }
        state.withLock { $0 = status }
        return status
    }

    /// As of the last `up` or `refresh`.
    public var status: InstallationStatus {
        guard let status = state.withLock(\.self) else { preconditionFailure("the installation was not started") }
        return status
    }

    /// Adds to a file of the installation's, such as `fanfare.conf`.
    public static func append(_ text: String, to path: String) throws { try TestFolders.append(text, to: path) }

    // MARK: Processes

    /// The process of a service, as of the last `up` or `refresh`.
    public func processID(_ service: Service) throws -> Int32 {
        guard let pid = status.services[service.rawValue] ?? nil else {
            throw SpawnError("\(service.rawValue) does not run")
        }
        return pid
    }

    /// Of PostgreSQL's main process.
    public func postgresID() throws -> Int32 {
        guard let pid = status.postgres else { throw SpawnError("PostgreSQL does not run") }
        return pid
    }

    /// Sends a signal; nothing else happens. After a kill, `up` brings the service back.
    public func send(_ signal: Int32, to service: Service) throws {
        guard Glibc.kill(try processID(service), signal) == 0 else {
            throw SpawnError("kill \(service.rawValue)", errno)
        }
    }

    /// SIGKILL; returns when the process is gone.
    public func kill(_ service: Service) async throws {
        let pid = try processID(service)
        try send(SIGKILL, to: service)
        try await Self.waitUntilGone(pid)
    }

    public func terminate(_ service: Service) throws { try send(SIGTERM, to: service) }
    public func stop(_ service: Service) throws { try send(SIGSTOP, to: service) }
    public func `continue`(_ service: Service) throws { try send(SIGCONT, to: service) }

    /// SIGKILL to PostgreSQL's main process; its backends end by themselves.
    public func killPostgres() async throws {
        let pid = try postgresID()
        guard Glibc.kill(pid, SIGKILL) == 0 else { throw SpawnError("kill PostgreSQL", errno) }
        try await Self.waitUntilGone(pid)
    }

    /// Ends PostgreSQL as an operator does (`pg_ctl -m fast stop`); `up` starts it again.
    public func stopPostgres() async throws {
        let pid = try postgresID()
        guard Glibc.kill(pid, SIGINT) == 0 else { throw SpawnError("stop PostgreSQL", errno) }
        try await Self.waitUntilGone(pid)
    }

    /// One more process of a service.
    public struct Another: Sendable {
        public let process: ProcessUnderTest
        /// Where it serves; what an ingest or feed is asked at.
        public let port: Int
        public let adminPort: Int

        /// Waits until `/readyz` says yes.
        public func ready() async throws {
            try await eventually("\(process.processID) is ready") {
                do {
                    return try await TestHTTP.request(port: adminPort, "/readyz").status == 200
                } catch is SpawnError {
                    // It does not listen yet.
                    guard process.isRunning else { throw SpawnError("it ended: \(process.errors)") }
                    return false
                }
            }
        }
    }

    /// Ends PostgreSQL without a checkpoint (`pg_ctl -m immediate stop`): it recovers when `up` starts it again.
    public func stopPostgresAtOnce() async throws {
        let pid = try postgresID()
        guard Glibc.kill(pid, SIGQUIT) == 0 else { throw SpawnError("stop PostgreSQL", errno) }
        try await Self.waitUntilGone(pid)
    }

    /// Starts one more process of a service, beside the one of the installation. End it at the end of the test.
    ///
    /// - Parameter known: The admin port, and the one behind it, of a process that was there before; else free ones.
    public func startAnother(_ service: Service, at known: Int? = nil) throws -> Another {
        let ports = known ?? FreePorts.consecutive(2)
        var arguments = ["--config", "\(folder)/fanfare.conf", "--admin-listen", "127.0.0.1:\(ports)"]
        switch service {
        case .ingest: arguments += ["--ingest-listen", "127.0.0.1:\(ports + 1)"]
        case .feed: arguments += ["--feed-listen", "127.0.0.1:\(ports + 1)"]
        case .matcher, .delivery: break
        }
        let process = try ProcessUnderTest(
            service.rawValue, arguments, folder: folder, log: "\(service.rawValue)-\(ports)")
        return Another(process: process, port: ports + 1, adminPort: ports)
    }

    /// A process that was killed is a zombie as soon as its first thread has ended; its ports and files are free when all have.
    public static func isAlive(_ pid: Int32) -> Bool {
        let text = TestFolders.text(of: "/proc/\(pid)/stat")
        guard let close = text.lastIndex(of: ")") else { return false }
        let fields = text[close...].split(separator: " ")
        return !["Z", "X"].contains(fields[1]) || fields[18] != "1" && fields[18] != "0"
    }

    public static func waitUntilGone(_ pid: Int32) async throws {
        try await eventually("process \(pid) is gone") { !isAlive(pid) }
    }

    /// What a service logged so far.
    public func log(_ service: Service) -> String { TestFolders.text(of: "\(folder)/logs/\(service.rawValue).log") }

    // MARK: Database

    /// Connections to its database; shut the pool down at the end.
    public func pool(connections: Int = 1) -> ConnectionPool {
        ConnectionPool(
            DatabaseConfiguration(dsn: status.dsn, connections: connections), name: "tests",
            logger: TestDatabase.quietLogger, metrics: MetricsRegistry())
    }

    // MARK: -

    /// Lives for as long as the pipe is open, then ends everything and removes the folder.
    private static let guardScript = """
        read -r _
        for file in "$1"/run/*.pid; do
            read -r pid rest <"$file" && kill -KILL "$pid"
        done 2>/dev/null
        "$0" down --dir "$1" >/dev/null 2>&1
        rm -rf "$1"
        """

    private static func startGuard(of folder: String) throws -> Int32 {
        var ends: [Int32] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { throw SpawnError("pipe2", errno) }
        defer { close(ends[0]) }
        _ = try Spawn.run(
            ["/bin/sh", "-c", guardScript, "\(TestFolders.products)/fanfare", folder],
            environment: ["PATH=/usr/local/bin:/usr/bin:/bin"], input: ends[0], output: nil, errors: nil)
        return ends[1]
    }

    deinit { close(lifeline) }
}
