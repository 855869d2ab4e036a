internal import EventCodec
internal import ServiceKit

/// What runs of an installation (`contracts.md` §12).
struct InstallationStatus: Sendable, Hashable {
    var options: InstallationOptions
    var access: InstallationAccess
    var dsn: String
    var postgres: Int32?
    var services: [Service]

    struct Service: Sendable, Hashable {
        var name: ServiceName
        var pid: Int32?
        var adminURL: String
    }

    var isComplete: Bool { postgres != nil && services.allSatisfy { $0.pid != nil } }
    var isRunning: Bool { postgres != nil || services.contains { $0.pid != nil } }

    /// - Throws: `notRunning` when there is no installation in the folder, or it never got as far as having a tenant.
    init(_ folder: InstallationFolder) throws(ToolError) {
        guard let options = try InstallationOptions.read(folder), let access = try InstallationAccess.read(folder),
            let dsn = Self.setting("postgres.dsn", Files.text(folder.configuration) ?? "")
        else {
            throw ToolError(
                .notRunning, "there is no installation in \(folder.path); `fanfare up --detach` starts one")
        }
        let processes = ServiceProcesses(folder: folder)
        self.init(
            options: options, access: access, dsn: dsn, postgres: PostgresCluster.running(folder)?.pid,
            pids: { processes.running($0)?.process.pid })
    }

    init(
        options: InstallationOptions, access: InstallationAccess, dsn: String, postgres: Int32?,
        pids: (ServiceName) -> Int32?
    ) {
        self.options = options
        self.access = access
        self.dsn = dsn
        self.postgres = postgres
        services = ServiceProcesses.displayOrder.map {
            Service(name: $0, pid: pids($0), adminURL: options.adminURL($0))
        }
    }

    static func setting(_ key: String, _ file: String) -> String? {
        for line in file.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1).map { $0.drop { $0 == " " } }
            if parts.count == 2, parts[0].filter({ $0 != " " }) == key { return String(parts[1]) }
        }
        return nil
    }

    var json: String {
        var writer = JSONWriter()
        writer.object {
            $0.member("ingest_url", options.ingestURL)
            $0.member("feed_url", options.feedURL)
            $0.member("tenant_id", access.tenant)
            $0.member("workspace_id", access.workspace)
            $0.member("token", access.token)
            $0.member("log", options.backbone.rawValue)
            $0.key("postgres")
            $0.object {
                $0.member("dsn", dsn)
                $0.key("pid")
                Self.write(postgres, to: &$0)
            }
            $0.key("services")
            $0.array {
                for service in services {
                    $0.object {
                        $0.member("name", service.name.rawValue)
                        $0.key("pid")
                        Self.write(service.pid, to: &$0)
                        $0.member("admin_url", service.adminURL)
                    }
                }
            }
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private static func write(_ pid: Int32?, to writer: inout JSONWriter) {
        if let pid { writer.int(Int(pid)) } else { writer.null() }
    }

    /// For people.
    var text: String {
        var text = ""
        for service in services {
            text += Self.row(service.name.rawValue, service.pid, place(service.name))
        }
        text += Self.row("postgres", postgres, dsn)
        text += "\n"
        let log = options.kafka.map { "\(options.backbone.rawValue) (\($0))" } ?? options.backbone.rawValue
        for (name, value) in [
            ("ingest", options.ingestURL), ("feed", options.feedURL), ("tenant", access.tenant),
            ("workspace", access.workspace), ("token", access.token), ("log", log),
        ] {
            text += "  \(Self.padded(name, 16))  \(value)\n"
        }
        return text
    }

    private func place(_ service: ServiceName) -> String {
        let client = options.port(service).map { "http://127.0.0.1:\($0), " } ?? ""
        return "\(client)admin \(options.adminURL(service))"
    }

    private static func row(_ name: String, _ pid: Int32?, _ place: String) -> String {
        "  \(padded(name, 16))  \(padded(pid.map { "pid \($0)" } ?? "not running", 13))  \(place)\n"
    }

    static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
