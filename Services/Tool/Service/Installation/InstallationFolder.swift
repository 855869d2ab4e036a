internal import Glibc
internal import ServiceKit

/// Where an installation keeps its things.
///
/// ```
/// DIR/fanfare.conf         what the services read (0600)
/// DIR/installation.json    what `up` was told
/// DIR/access.json          the first tenant, its workspace and the tokens (0600)
/// DIR/master-key           encrypts the secrets at rest (0600)
/// DIR/lock                 held by whoever starts or stops things
/// DIR/run/NAME.pid         the processes
/// DIR/logs/NAME.log        what they write
/// DIR/postgres/            the private cluster
/// ```
struct InstallationFolder: Sendable, Hashable {
    let path: String

    static let defaultName = ".fanfare"

    /// - Parameter given: of the command line; else `FANFARE_DIR`, else `./.fanfare`.
    init(given: String?, environment: [String: String]) {
        let named = environment["FANFARE_DIR"].flatMap { $0.isEmpty ? nil : $0 }
        var path = Files.absolute(given ?? named ?? Self.defaultName)
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        // Names of the socket and of processes must be the same however the folder is reached.
        self.path = Files.resolved(path) ?? path
    }

    var configuration: String { "\(path)/fanfare.conf" }
    var options: String { "\(path)/installation.json" }
    var access: String { "\(path)/access.json" }
    var masterKey: String { "\(path)/master-key" }
    var lock: String { "\(path)/lock" }
    var run: String { "\(path)/run" }
    var logs: String { "\(path)/logs" }
    var postgres: String { "\(path)/postgres" }
    var postgresLog: String { "\(logs)/postgres.log" }

    func processFile(_ service: ServiceName) -> String { "\(run)/\(service.rawValue).pid" }
    func log(_ service: ServiceName) -> String { "\(logs)/\(service.rawValue).log" }

    /// Whether `up` has been here.
    var isInstallation: Bool { Files.exists(options) }

    /// Makes the folder and those in it. Postgres, which may run as another user, has to get through the first.
    func make() throws(ToolError) {
        for folder in [path, run, logs] { try Files.makeFolder(folder) }
    }
}
