internal import CLinux
internal import Glibc

/// A PostgreSQL cluster of the tests' own, on a socket in a short folder, without fsync; `pg_stat_statements` is loaded.
///
/// It is ended and removed when the test process ends, however that ends.
///
/// ```swift
/// let postgres = try await TestPostgres.shared()
/// let configuration = DatabaseConfiguration(dsn: postgres.dsn(database: "postgres"))
/// ```
/// Most tests want a `TestDatabase`. Tests that stop or kill the server start one of their own (`start`).
public final class TestPostgres: Sendable {
    public enum StopMode: String, Sendable {
        /// Ends sessions, writes everything.
        case fast
        /// Like a crash: recovery at the next start.
        case immediate
    }

    /// The folder of everything: data, socket, logs.
    public let folder: String
    /// Where it listens: a file name in `folder`, and on 127.0.0.1 if asked for.
    public let port: Int
    private let binaries: String
    /// The guard holds the other end: as long as this process lives, it waits.
    private let lifeline: Int32

    private static let one = AsyncOnce { try await TestPostgres.start() }

    /// The cluster that all tests of the process share, started when first asked for (about 1 s).
    public static func shared() async throws -> TestPostgres { try await one.value() }

    /// A cluster for one test, which may do to it what it likes.
    ///
    /// - Parameters:
    ///   - settings: `key=value` of the server's configuration, over the defaults here.
    ///   - usesTCP: listens on 127.0.0.1 too, for tests with something between client and server.
    public static func start(settings: [String] = [], usesTCP: Bool = false) async throws -> TestPostgres {
        let postgres = try TestPostgres(port: usesTCP ? FreePorts.consecutive(1) : 5432)
        try await postgres.run(
            "initdb",
            [
                "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-D",
                "\(postgres.folder)/data",
            ])
        let all =
            [
                "port=\(postgres.port)", "listen_addresses=\(usesTCP ? "127.0.0.1" : "")",
                "unix_socket_directories=\(postgres.folder)", "fsync=off", "full_page_writes=off",
                "shared_buffers=64MB", "max_connections=200", "shared_preload_libraries=pg_stat_statements",
                // A killed server leaves nothing in /dev/shm this way.
                "dynamic_shared_memory_type=mmap", "log_checkpoints=off",
            ] + settings
        try TestFolders.append(
            all.map { setting in
                let parts = setting.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return "\(parts[0]) = '\(parts.dropFirst().first ?? "")'\n"
            }.joined(), to: "\(postgres.folder)/data/postgresql.conf")
        try await postgres.startAgain()
        return postgres
    }

    /// A connection string for one of its databases.
    public func dsn(database: String = "postgres") -> String {
        "host=\(folder) port=\(port) user=postgres dbname=\(database)"
    }

    /// The same through TCP: by another host or port where a proxy stands in between.
    public func tcpDSN(database: String = "postgres", port: Int? = nil) -> String {
        "host=127.0.0.1 port=\(port ?? self.port) user=postgres dbname=\(database)"
    }

    public func stop(_ mode: StopMode = .fast) async throws {
        try await run("pg_ctl", ["-D", "\(folder)/data", "-m", mode.rawValue, "-w", "-t", "30", "stop"])
    }

    /// Starts it on the same data; returns when it takes connections.
    public func startAgain() async throws {
        try await run(
            "pg_ctl", ["-D", "\(folder)/data", "-l", "\(folder)/server.log", "-w", "-t", "60", "start"])
    }

    public func restart(_ mode: StopMode = .fast) async throws {
        try await stop(mode)
        try await startAgain()
    }

    /// SIGKILL to the server's main process; its backends end by themselves.
    public func kill() throws {
        let text = TestFolders.text(of: "\(folder)/data/postmaster.pid")
        guard let line = text.split(separator: "\n").first, let pid = Int32(line), pid > 1 else {
            throw SpawnError("the server is not running")
        }
        Glibc.kill(pid, SIGKILL)
    }

    /// The end of the server's log.
    public var log: String { String(TestFolders.text(of: "\(folder)/server.log").suffix(4000)) }

    // MARK: -

    private init(port: Int) throws {
        guard let binaries = Self.binaries else {
            throw SpawnError("there is no PostgreSQL server here (apt-get install postgresql, or set PG_BINDIR)")
        }
        var template = Array("/tmp/fanfare-pg-XXXXXX".utf8CString)
        guard let path = mkdtemp(&template) else { throw SpawnError("mkdtemp", errno) }
        folder = String(cString: path)
        self.binaries = binaries
        self.port = port
        lifeline = try Self.startGuard(of: folder)
        if let user = Self.user, chown(folder, user.uid, user.gid) != 0 { throw SpawnError("chown", errno) }
    }

    /// Lives for as long as the pipe is open, then ends the server (SIGQUIT, so that it gives its shared memory back)
    /// and removes the folder. The pid is believed only of a process that works in this data folder.
    private static let guardScript = """
        read -r _
        p=$(head -n 1 "$0/data/postmaster.pid" 2>/dev/null)
        if [ -n "$p" ] && [ "$(readlink "/proc/$p/cwd")" = "$0/data" ]; then
            kill -QUIT "$p"
            i=0
            while kill -0 "$p" 2>/dev/null && [ $i -lt 200 ]; do sleep 0.05; i=$((i + 1)); done
        fi
        rm -rf "$0"
        """

    private static func startGuard(of folder: String) throws -> Int32 {
        var ends: [Int32] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { throw SpawnError("pipe2", errno) }
        defer { close(ends[0]) }
        _ = try Spawn.run(
            ["/bin/sh", "-c", guardScript, folder], environment: ["PATH=/usr/bin:/bin"], input: ends[0], output: nil,
            errors: nil)
        return ends[1]
    }

    /// Runs a program of PostgreSQL's as the user that the server runs as.
    private func run(_ program: String, _ arguments: [String]) async throws {
        var command = ["\(binaries)/\(program)"] + arguments
        if Self.user != nil {
            command = ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] + command
        }
        let process = try ProcessUnderTest(
            command[0], Array(command.dropFirst()), environment: ["LC_ALL": "C.UTF-8", "TZ": "UTC"], folder: folder,
            log: program)
        guard let end = await process.end(within: .seconds(90)) else {
            await process.stop(within: .zero)
            throw SpawnError("\(program) took longer than 90 s: \(log)")
        }
        guard end == .exited(0) else {
            throw SpawnError("\(program): \(end) \(process.output) \(process.errors) \(log)")
        }
    }

    /// The server refuses to run as root: then it runs as `postgres`.
    private static let user: (uid: uid_t, gid: gid_t)? = {
        guard geteuid() == 0, let entry = getpwnam("postgres") else { return nil }
        return (entry.pointee.pw_uid, entry.pointee.pw_gid)
    }()

    /// `PG_BINDIR`, then the newest of Debian's versions, then the PATH.
    static let binaries: String? = {
        if let folder = TestFolders.environment("PG_BINDIR") { return folder }
        let debian = (9...40).reversed().map { "/usr/lib/postgresql/\($0)/bin" }
        let path = (TestFolders.environment("PATH") ?? "/usr/bin:/bin").split(separator: ":").map(String.init)
        return (debian + path).first { TestFolders.exists("\($0)/initdb") && TestFolders.exists("\($0)/postgres") }
    }()
}
