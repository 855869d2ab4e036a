internal import EventCodec

/// What `fanfare status --json` says.
public struct InstallationStatus: Sendable, Hashable {
    public let ingestURL: String
    public let feedURL: String
    public let tenant: String
    public let workspace: String
    public let token: String
    /// `postgres` or `kafka`.
    public let log: String
    public let dsn: String
    /// Of PostgreSQL's main process; nil when it does not run.
    public let postgres: Int32?
    /// By the executable's name; nil when it does not run.
    public let services: [String: Int32?]
    public let adminURLs: [String: String]

    /// Nil unless every member is there.
    public init?(_ json: String) {
        guard let value = try? JSONValue(parsing: Array(json.utf8)), case .string(let ingest)? = value["ingest_url"],
            case .string(let feed)? = value["feed_url"], case .string(let tenant)? = value["tenant_id"],
            case .string(let workspace)? = value["workspace_id"], case .string(let token)? = value["token"],
            case .string(let log)? = value["log"], case .string(let dsn)? = value["postgres"]?["dsn"],
            case .array(let services)? = value["services"]
        else { return nil }
        ingestURL = ingest
        feedURL = feed
        self.tenant = tenant
        self.workspace = workspace
        self.token = token
        self.log = log
        self.dsn = dsn
        postgres = Self.pid(value["postgres"]?["pid"])
        var pids: [String: Int32?] = [:]
        var urls: [String: String] = [:]
        for service in services {
            guard case .string(let name)? = service["name"], case .string(let url)? = service["admin_url"] else {
                return nil
            }
            pids.updateValue(Self.pid(service["pid"]), forKey: name)
            urls[name] = url
        }
        self.services = pids
        adminURLs = urls
    }

    private static func pid(_ value: JSONValue?) -> Int32? {
        guard case .number(let number)? = value else { return nil }
        return number.int.flatMap { Int32(exactly: $0) }
    }

    public var ingestPort: Int { Self.port(ingestURL) }
    public var feedPort: Int { Self.port(feedURL) }

    /// Of the admin server of the service with this executable.
    public func adminPort(_ service: Installation.Service) -> Int { Self.port(adminURLs[service.rawValue] ?? "") }

    private static func port(_ url: String) -> Int { Int(url.split(separator: ":").last ?? "") ?? 0 }
}
