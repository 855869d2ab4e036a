extension Settings {
    public static let ingestListen = Setting(
        "ingest.listen", .hostPort, default: "127.0.0.1:3400", used: [.ingest], "Where events are published.")
    public static let feedListen = Setting(
        "feed.listen", .hostPort, default: "127.0.0.1:3401", used: [.feed],
        "Where the feed, its management and the console are served.")
    public static let masterKey = OptionalSetting(
        "master-key", .secret, used: [.ingest, .feed, .delivery],
        "Encrypts the secrets at rest: 32 bytes in base64 or hex, or several keys separated by commas or line feeds, of "
            + "which the first encrypts and all decrypt.")
    public static let httpConnections = Setting(
        "http.connections", .int(16...1_000_000), default: "10000", used: [.ingest, .feed],
        "Connections served at a time; more wait to be accepted.")
    public static let httpHeadTimeout = Setting(
        "http.head-timeout", .duration(.milliseconds(100) ... .seconds(300)), default: "10s", used: [.ingest, .feed],
        "How long a client may take to send the head of a request.")
    public static let httpBodyTimeout = Setting(
        "http.body-timeout", .duration(.milliseconds(100) ... .seconds(3600)), default: "30s", used: [.ingest, .feed],
        "How long a client may take to send a request's body.")
    public static let httpIdleTimeout = Setting(
        "http.idle-timeout", .duration(.seconds(1) ... .seconds(3600)), default: "75s", used: [.ingest, .feed],
        "How long a connection stays open between requests.")
    public static let trustedProxies = OptionalSetting(
        "ingest.trusted-proxies", .list, used: [.ingest],
        "Addresses and blocks of proxies whose `Forwarded`, `X-Forwarded-For` and client-certificate headers are "
            + "believed; nobody else's are.")
    public static let clientCertificateHeader = Setting(
        "ingest.client-certificate-header", .string, default: "X-Client-Cert-Subject", used: [.ingest],
        "The header in which a trusted proxy tells the subject of a client's certificate.")
    public static let agentGateTenant = OptionalSetting(
        "ingest.agentgate.tenant", .string, used: [.ingest],
        "Whose events AgentGate posts to the bare `/api/events/ingest`; else the only tenant's.")
    public static let formBridgeTenant = OptionalSetting(
        "ingest.formbridge.tenant", .string, used: [.ingest],
        "Whose events FormBridge posts to the bare `/api/events/ingest`; else the only tenant's.")
    public static let genericTenant = OptionalSetting(
        "ingest.generic.tenant", .string, used: [.ingest],
        "Whose events everybody else posts to the bare `/api/events/ingest`; else the only tenant's.")
    public static let egressCIDRs = OptionalSetting(
        "egress.cidrs", .list, used: [.feed],
        "Where deliveries come from, as `GET /v1/meta` tells receivers for their allow-lists.")
    public static let feedStreams = Setting(
        "feed.streams", .int(0...1_000_000), default: "10000", used: [.feed],
        "Streams of events that may be open at a time.")
    public static let feedRing = Setting(
        "feed.ring", .bytes(1 << 20...1 << 30), default: "16MiB", used: [.feed],
        "The newest events that live readers share in memory.")

    static let doors: [SettingDeclaration] = [
        ingestListen.declaration, feedListen.declaration, masterKey.declaration, httpConnections.declaration,
        httpHeadTimeout.declaration, httpBodyTimeout.declaration, httpIdleTimeout.declaration,
        trustedProxies.declaration, clientCertificateHeader.declaration,
        agentGateTenant.declaration, formBridgeTenant.declaration, genericTenant.declaration, egressCIDRs.declaration,
        feedStreams.declaration, feedRing.declaration,
    ]
}
