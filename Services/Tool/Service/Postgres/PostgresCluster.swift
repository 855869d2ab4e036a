internal import CLinux
internal import Crypto
internal import Glibc

/// The private cluster of an installation: in its folder, on a socket, for nobody else.
///
/// As root it runs as the user `postgres`, who often may not pass the folders above (`/root`, a temporary folder). Then it
/// gets its data folder as an open descriptor, by way of `/proc/self/fd`, and its socket lies in `/tmp`.
struct PostgresCluster: Sendable {
    /// The only role; nobody else gets to the socket.
    static let role = "fanfare"
    static let database = "fanfare"
    /// A part of the socket's name; nothing listens on TCP.
    static let port = 5432
    /// `sun_path` has 108 bytes, the socket's own name takes 15 of them.
    private static let longestSocketFolder = 85
    private static let passedFolder = "/proc/self/fd/3"

    let folder: InstallationFolder
    let programs: PostgresPrograms
    /// The user that it runs as gets to the folder by its path.
    let isReachable: Bool
    let console: Console

    private var data: String { "\(folder.postgres)/data" }
    private var unfinished: String { "\(folder.postgres)/data.new" }

    init(_ folder: InstallationFolder, _ programs: PostgresPrograms, console: Console) async throws(ToolError) {
        self.folder = folder
        self.programs = programs
        self.console = console
        try Self.makeOwn(folder.postgres, programs)
        if programs.user == nil {
            isReachable = true
        } else {
            let probe = Spawn(arguments: programs.command(["/usr/bin/test", "-w", folder.postgres]), folder: "/")
            isReachable = try await probe.run().status == 0
        }
    }

    /// Makes a folder that only the server's user (and root) enters.
    private static func makeOwn(_ path: String, _ programs: PostgresPrograms) throws(ToolError) {
        if !Files.isFolder(path) {
            guard mkdir(path, 0o700) == 0 else { throw Files.failure("cannot make the folder \(path)") }
        }
        guard let owner = programs.owner else { return }
        guard chown(path, owner.user, owner.group) == 0 else {
            throw Files.failure("cannot give \(path) to \(PostgresPrograms.userName)")
        }
    }

    /// Where the socket is: beside the data, or in `/tmp` where its path would be too long or the server cannot go.
    static func socketFolder(_ folder: InstallationFolder, isReachable: Bool) -> String {
        let usual = "\(folder.postgres)/socket"
        guard isReachable, usual.utf8.count <= longestSocketFolder else {
            return "/tmp/fanfare-\(SHA256.hash(folder.path).hex.prefix(12))"
        }
        return usual
    }

    var socketFolder: String { Self.socketFolder(folder, isReachable: isReachable) }

    func dsn(database: String = Self.database) -> String {
        // In quotes, since a folder's name may hold blanks.
        let host = socketFolder.replacing("\\", with: "\\\\").replacing("'", with: "\\'")
        return "host='\(host)' port=\(Self.port) user=\(Self.role) dbname=\(database)"
    }

    /// Of the server that made the cluster, the only one that reads it; nil where there is none yet.
    static func version(_ folder: InstallationFolder) -> Int? {
        Files.text("\(folder.postgres)/data/PG_VERSION").flatMap { Int($0.filter { $0 != "\n" }) }
    }

    /// Makes the cluster where there is none.
    func create() async throws(ToolError) {
        guard !Files.exists("\(data)/PG_VERSION") else { return }
        console.progress("Making a PostgreSQL cluster in \(folder.postgres)")
        // What a crash left half done is made again: a cluster counts from the moment it has its name.
        if Files.isFolder(unfinished) {
            let result = try await Spawn(arguments: ["/bin/rm", "-rf", unfinished]).run()
            guard result.status == 0 else {
                throw ToolError(.environment, "cannot remove \(unfinished): \(result.output)")
            }
        }
        try Self.makeOwn(unfinished, programs)
        let result = try await program(
            [
                programs.initdb, "-A", "trust", "-U", Self.role, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
                "--no-instructions",
            ],
            data: unfinished)
        guard result.status == 0 else { throw ToolError(.startFailed, "initdb failed:\n\(result.output)") }
        try PostgresSettings(hasLZ4: try await hasLZ4()).append(to: "\(unfinished)/postgresql.conf")
        try Self.sync(unfinished)
        guard rename(unfinished, data) == 0 else { throw Files.failure("cannot rename \(unfinished)") }
    }

    /// Puts on disk what initdb wrote: in one call, where it would make one for each of a thousand files.
    private static func sync(_ folder: String) throws(ToolError) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Files.failure("cannot open \(folder)") }
        defer { close(descriptor) }
        guard syncfs(descriptor) == 0 else { throw Files.failure("cannot write \(folder) to disk") }
    }

    /// Servers are built without LZ4 at times, and refuse to start when told to use it.
    private func hasLZ4() async throws(ToolError) -> Bool {
        try await program([programs.postgres, "-C", "wal_compression", "-c", "wal_compression=lz4"], data: unfinished)
            .status == 0
    }

    /// The server's main process, if it runs on our data.
    var running: ProcessIdentity? { Self.running(folder) }

    static func running(_ folder: InstallationFolder) -> ProcessIdentity? {
        let data = "\(folder.postgres)/data"
        guard let text = Files.text("\(data)/postmaster.pid"), let line = text.split(separator: "\n").first,
            let pid = Int32(line), let process = ProcessTable.identity(pid), process.isAlive,
            // The file outlives a killed server, and its number may be another's by now.
            ProcessTable.information(pid)?.name == "postgres", Files.target(ofLink: "/proc/\(pid)/cwd") == data
        else { return nil }
        return process
    }

    /// Takes away what a server that was killed left behind: sessions that have not noticed yet, and its lock file, whose
    /// process counts as alive for PostgreSQL until somebody has waited for it (in a container maybe nobody does).
    private func clear() async {
        for process in leftovers() where await !ProcessTable.waitForEnd(of: process, within: .seconds(5)) {
            process.send(SIGKILL)
            _ = await ProcessTable.waitForEnd(of: process, within: .seconds(5))
        }
        Files.remove("\(data)/postmaster.pid")
        Self.removeSocket(in: socketFolder)
    }

    private static func removeSocket(in folder: String) {
        for name in [".s.PGSQL.\(port)", ".s.PGSQL.\(port).lock"] { Files.remove("\(folder)/\(name)") }
    }

    private func leftovers() -> [ProcessIdentity] {
        ProcessTable.all().filter { process in
            process.information.name == "postgres" && !process.information.isZombie
                && Files.target(ofLink: "/proc/\(process.pid)/cwd") == data
        }.map { ProcessIdentity(pid: $0.pid, startTime: $0.information.startTime) }
    }

    /// Starts the server, which does not take connections yet when this returns. None may run.
    func start() async throws(ToolError) -> ProcessIdentity {
        await clear()
        let socket = socketFolder
        try prepareSocketFolder(socket)
        return try withData(data) { (path, descriptor) throws(ToolError) in
            let spawn = Spawn(
                arguments: programs.command([
                    programs.postgres, "-D", path, "-k", socket, "-p", "\(Self.port)", "-c", "listen_addresses=",
                ]),
                environment: Self.environment, output: folder.postgresLog, folder: "/", inherited: descriptor)
            return try spawn.start()
        }
    }

    /// In `/tmp` somebody else may have made it first.
    private func prepareSocketFolder(_ path: String) throws(ToolError) {
        try Self.makeOwn(path, programs)
        var information = stat()
        guard lstat(path, &information) == 0 else { throw Files.failure("cannot look at \(path)") }
        guard information.st_mode & S_IFMT == S_IFDIR, information.st_uid == programs.owner?.user ?? geteuid(),
            chmod(path, 0o700) == 0
        else { throw ToolError(.environment, "\(path) belongs to somebody else; remove it") }
    }

    /// Stops the server on a folder; nothing happens when none runs. Sessions are ended, everything is written.
    static func stop(_ folder: InstallationFolder) async {
        if let process = running(folder) { await stop(process) }
        // What is outside the installation's folder does not outlive it.
        let elsewhere = socketFolder(folder, isReachable: false)
        removeSocket(in: elsewhere)
        rmdir(elsewhere)
    }

    private static func stop(_ process: ProcessIdentity) async {
        // "Fast": what `pg_ctl -m fast stop` sends.
        process.send(SIGINT)
        process.send(SIGCONT)
        if await ProcessTable.waitForEnd(of: process, within: .seconds(30)) { return }
        // "Immediate": it recovers at the next start.
        process.send(SIGQUIT)
        if await ProcessTable.waitForEnd(of: process, within: .seconds(5)) { return }
        process.send(SIGKILL)
        _ = await ProcessTable.waitForEnd(of: process, within: .seconds(5))
    }

    private static let environment = ["PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"]

    private func program(_ arguments: [String], data: String) async throws(ToolError) -> Spawn.Result {
        let descriptor = try openData(data)
        defer { if let descriptor { close(descriptor) } }
        let path = descriptor == nil ? data : Self.passedFolder
        return try await Spawn(
            arguments: programs.command(arguments + ["-D", path]), environment: Self.environment, folder: "/",
            inherited: descriptor
        ).run()
    }

    private func withData<Value>(
        _ data: String, _ body: (_ path: String, _ descriptor: Int32?) throws(ToolError) -> Value
    ) throws(ToolError) -> Value {
        let descriptor = try openData(data)
        defer { if let descriptor { close(descriptor) } }
        return try body(descriptor == nil ? data : Self.passedFolder, descriptor)
    }

    private func openData(_ data: String) throws(ToolError) -> Int32? {
        guard !isReachable else { return nil }
        let descriptor = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Files.failure("cannot open \(data)") }
        return descriptor
    }
}
