internal import Glibc

/// Backups of an installation's database by PostgreSQL's own programs, and what an operator does with them.
extension Installation {
    private var data: String { "\(folder)/postgres/data" }
    private var baseBackup: String { "\(folder)/postgres/backup" }
    private var dump: String { "\(folder)/postgres/dump" }

    /// `pg_basebackup` of the running server.
    public func takeBaseBackup() async throws {
        try await postgresProgram(
            "pg_basebackup", ["-d", status.dsn, "-D", baseBackup, "-X", "stream", "-c", "fast", "--no-sync"])
    }

    /// Puts the base backup in the place of the data; the server that starts on it recovers to its end and goes on from
    /// there on a timeline of its own. PostgreSQL must not run.
    public func putBaseBackupInPlace() throws {
        try setDataAside()
        guard rename(baseBackup, data) == 0 else { throw SpawnError("rename", errno) }
        // Nothing reads from it before it is a primary.
        try TestFolders.append("\nrestore_command = 'false'\nhot_standby = off\n", to: "\(data)/postgresql.auto.conf")
        try TestFolders.append("", to: "\(data)/recovery.signal")
    }

    /// `pg_dump` of the running server's database.
    public func takeDump() async throws {
        try await postgresProgram("pg_dump", ["-d", status.dsn, "-F", "custom", "-f", dump])
    }

    /// Makes another cluster and `pg_restore`s the dump into it. PostgreSQL must not run, and does not afterwards.
    public func restoreDumpElsewhere() async throws {
        try setDataAside()
        let socket = "\(folder)/postgres/socket"
        try await postgresProgram(
            "initdb", ["-A", "trust", "-U", "fanfare", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D", data])
        let options = "-c listen_addresses= -c unix_socket_directories=\(socket) -c fsync=off"
        try await postgresProgram(
            "pg_ctl", ["-D", data, "-w", "-l", "\(folder)/postgres/restore.log", "-o", options, "start"])
        try await postgresProgram("createdb", ["-h", socket, "-U", "fanfare", "fanfare"])
        try await postgresProgram(
            "pg_restore", ["-h", socket, "-U", "fanfare", "-d", "fanfare", "--exit-on-error", dump])
        try await postgresProgram("pg_ctl", ["-D", data, "-w", "-m", "fast", "stop"])
    }

    /// Writes a file of the installation's anew.
    public static func replace(_ path: String, by text: String) throws {
        guard unlink(path) == 0 else { throw SpawnError("unlink \(path)", errno) }
        try TestFolders.append(text, to: path)
    }

    private func setDataAside() throws {
        guard rename(data, "\(folder)/postgres/lost") == 0 else { throw SpawnError("rename", errno) }
    }

    /// Runs one of PostgreSQL's programs as the user that the server runs as.
    private func postgresProgram(_ name: String, _ arguments: [String]) async throws {
        let path = "\(TestPostgres.binaries ?? "")/\(name)"
        let command = getuid() == 0 ? ["/usr/sbin/runuser", "-u", "postgres", "--", path] : [path]
        let process = try ProcessUnderTest(
            command[0], Array(command.dropFirst()) + arguments, folder: "\(folder)/calls", log: name)
        let end = await process.end(within: .seconds(60))
        guard end == .exited(0) else {
            throw SpawnError("\(name): \(end.map { "\($0)" } ?? "no end"): \(process.errors)")
        }
    }
}
