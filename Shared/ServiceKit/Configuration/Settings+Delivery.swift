extension Settings {
    public static let allowPrivateTargets = Setting(
        "allow-private-targets", .bool, default: "false", used: [.feed, .delivery],
        "Lets webhooks point to private addresses and to plain http: for trials and closed networks only.")
    public static let headerPrefix = Setting(
        "header-prefix",
        .string("a header name's beginning, up to 32 of A-Z a-z 0-9 -", length: 1...32) { byte in
            isLetterOrDigit(byte) || byte == UInt8(ascii: "-")
        },
        default: "X-IC", used: [.feed, .delivery], "Begins the names of the headers that deliveries carry.")
    public static let deliveryInFlight = Setting(
        "delivery.in-flight", .int(1...100_000), default: "1024", used: [.delivery],
        "Deliveries that one process sends at a time.")
    public static let deliveryEndpointInFlight = Setting(
        "delivery.endpoint-in-flight", .int(1...10_000), default: "64", used: [.delivery],
        "Deliveries that one endpoint gets at a time.")
    public static let deliveryTimeout = Setting(
        "delivery.timeout", .duration(.seconds(1) ... .seconds(30)), default: "10s", used: [.feed, .delivery],
        "How long an endpoint may take to answer where its webhook does not say.")
    public static let deliveryBreakerFailures = Setting(
        "delivery.breaker-failures", .int(1...1_000), default: "10", used: [.delivery],
        "Failures in a row after which an endpoint gets probes only.")
    public static let deliveryBreakerProbe = Setting(
        "delivery.breaker-probe", .duration(.seconds(1) ... .seconds(3600)), default: "30s", used: [.delivery],
        "The time between probes of an endpoint that keeps failing.")

    public static let endpointDisableAfter = Setting(
        "endpoint.disable-after", .duration(.seconds(60) ... .seconds(365 * 86_400)), default: "5d", used: [.delivery],
        "How long an endpoint may fail without a success before it is disabled, if it failed often enough.")
    public static let endpointDisableFailures = Setting(
        "endpoint.disable-failures", .int(1...1_000_000_000), default: "50", used: [.delivery],
        "Failures in a row below which an endpoint is never disabled for failing.")
    public static let endpointEventPause = Setting(
        "endpoint.event-pause", .duration(.seconds(1) ... .seconds(7 * 86_400)), default: "1h", used: [.delivery],
        "The time between two events of a kind that tell of one endpoint (recovered, dead_lettered).")

    public static let webhooksVerify = Setting(
        "webhooks.verify", .bool, default: "false", used: [.feed],
        "Matches nothing for a new webhook until its endpoint has answered a signed test with a 2xx.")

    public static let deliverySwitchAfter = Setting(
        "delivery.switch-after", .duration(.seconds(1) ... .seconds(3600)), default: "30s", used: [.delivery],
        "How long an endpoint may fail before what waits for it becomes a position on the feed instead of copies.")
    public static let deliveryCursorShare = Setting(
        "delivery.cursor-share", .int(1...100), default: "25", used: [.delivery],
        "The share of `delivery.in-flight` that catching up and jobs may take while live deliveries wait, in percent.")

    static let delivering: [SettingDeclaration] = [
        allowPrivateTargets.declaration, headerPrefix.declaration, deliveryInFlight.declaration,
        deliveryEndpointInFlight.declaration, deliveryTimeout.declaration, deliveryBreakerFailures.declaration,
        deliveryBreakerProbe.declaration, endpointDisableAfter.declaration, endpointDisableFailures.declaration,
        endpointEventPause.declaration, webhooksVerify.declaration, deliverySwitchAfter.declaration,
        deliveryCursorShare.declaration,
    ]
}
