internal import Glibc

/// The programs of a PostgreSQL server, and the user that they run as.
struct PostgresPrograms: Sendable {
    /// The oldest version that our schema runs on.
    static let oldest = 15

    let folder: String
    /// Set when this process is root, as which the server refuses to run.
    let user: String?

    static let userName = "postgres"

    var initdb: String { "\(folder)/initdb" }
    var postgres: String { "\(folder)/postgres" }

    /// Looks in `PG_BINDIR`, where `pg_config` says, in Debian's folders (newest first), and in the PATH.
    ///
    /// - Parameter version: of the cluster that they are for, where there is one.
    static func find(
        environment: [String: String], version: Int? = nil
    ) async throws(ToolError) -> PostgresPrograms {
        var folders: [String] = []
        if let given = environment["PG_BINDIR"], !given.isEmpty {
            guard holdsServer(given) else {
                throw ToolError(.environment, "PG_BINDIR is \(given), where there is no initdb and postgres")
            }
            folders = [given]
        } else {
            let path = (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":").map(String.init)
            folders = (oldest...40).reversed().map { "/usr/lib/postgresql/\($0)/bin" } + path
            if let tool = path.map({ "\($0)/pg_config" }).first(where: Files.isExecutable) {
                // Debian's may be of a client library without a server.
                let answer = try? await Spawn(arguments: [tool, "--bindir"], hasOwnSession: false).run()
                if let answer, answer.status == 0 { folders.insert(answer.output.filter { $0 != "\n" }, at: 0) }
            }
        }
        guard let folder = await first(folders.filter(holdsServer), version) else {
            if let version {
                throw ToolError(
                    .environment,
                    "the cluster was made by PostgreSQL \(version), which is not here: apt-get install postgresql-\(version), or set PG_BINDIR"
                )
            }
            throw ToolError(
                .environment,
                "there is no PostgreSQL server on this machine: apt-get install postgresql, or set PG_BINDIR to the folder of its programs"
            )
        }
        guard geteuid() == 0 else { return PostgresPrograms(folder: folder, user: nil) }
        guard getpwnam(userName) != nil else {
            throw ToolError(
                .environment,
                "PostgreSQL does not run as root, and there is no user \(userName): make one (useradd --system \(userName)), or run this as another user"
            )
        }
        return PostgresPrograms(folder: folder, user: userName)
    }

    private static func first(_ folders: [String], _ version: Int?) async -> String? {
        guard let version else { return folders.first }
        for folder in folders {
            // `postgres (PostgreSQL) 15.20 (Debian …)`
            let answer = try? await Spawn(arguments: ["\(folder)/postgres", "--version"]).run()
            let number = answer?.output.split(separator: " ").dropFirst(2).first?.prefix { $0.isNumber }
            if number.flatMap({ Int($0) }) == version { return folder }
        }
        return nil
    }

    private static func holdsServer(_ folder: String) -> Bool {
        Files.isExecutable("\(folder)/initdb") && Files.isExecutable("\(folder)/postgres")
    }

    /// The command as the user that the server runs as.
    func command(_ arguments: [String]) -> [String] {
        guard let user else { return arguments }
        return ["/usr/bin/setpriv", "--reuid=\(user)", "--regid=\(user)", "--init-groups", "--"] + arguments
    }

    /// The owner of the cluster's files; nil where they are this user's own.
    var owner: (user: uid_t, group: gid_t)? {
        guard let user, let entry = getpwnam(user) else { return nil }
        return (entry.pointee.pw_uid, entry.pointee.pw_gid)
    }
}
