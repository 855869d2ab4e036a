internal import Observability

/// The instruments of a server; all names begin with `fanfare_http_`.
struct ServerMetrics: Sendable {
    let registry: MetricsRegistry?
    let connections: Gauge?

    init(_ registry: MetricsRegistry?) {
        self.registry = registry
        connections = registry?.gauge("fanfare_http_connections", "Open connections.")
        registry?.announce(Self.requests.name, Self.requests.help, kind: .counter)
        registry?.announce(Self.refused.name, Self.refused.help, kind: .counter)
        registry?.announce(Self.seconds.name, Self.seconds.help, kind: .histogram)
    }

    static let requests = (name: "fanfare_http_requests_total", help: "Requests answered, by route and status class.")
    static let refused = (
        name: "fanfare_http_refused_total",
        help: "Requests that did not reach their handler or got no answer, by reason."
    )
    static let seconds = (
        name: "fanfare_http_request_seconds", help: "From the request line to the answer's being ready, by route."
    )
}

/// What one loop counts; instruments are looked up once and held.
struct LoopMetrics {
    /// Why a request did not reach its handler, or its answer not the client.
    enum Refusal: String {
        case malformed
        case tooLarge = "too_large"
        case encoding
        case overload
        case handler
        case deadline
        /// The client left before its answer, or a stream was cut off.
        case disconnect
        /// The client broke off, or the library refused the rest of the request by itself.
        case incomplete
    }

    private struct Route {
        /// By first digit of the status, 2 to 5.
        var classes: [Counter?] = Array(repeating: nil, count: 6)
        let seconds: Histogram
    }

    private let server: ServerMetrics
    private var routes: [String: Route] = [:]
    private var refusals: [Refusal: Counter] = [:]

    init(_ server: ServerMetrics) { self.server = server }

    func connectionOpened() { server.connections?.add(1) }

    func connectionClosed() { server.connections?.add(-1) }

    mutating func answered(_ match: RouteMatch?, status: Int, nanoseconds: UInt64) {
        guard let registry = server.registry else { return }
        let pattern = match?.route.pattern ?? "none"
        let index = routes.index(forKey: pattern) ?? add(pattern, registry)
        let kind = min(max(status / 100, 0), 5)
        routes.values[index].seconds.observe(Double(nanoseconds) * 1e-9)
        if routes.values[index].classes[kind] == nil {
            routes.values[index].classes[kind] = registry.counter(
                ServerMetrics.requests.name, ServerMetrics.requests.help,
                labels: [("route", pattern), ("status", "\(kind)xx")])
        }
        routes.values[index].classes[kind]?.increment()
    }

    mutating func refused(_ refusal: Refusal) {
        guard let registry = server.registry else { return }
        if refusals[refusal] == nil {
            refusals[refusal] = registry.counter(
                ServerMetrics.refused.name, ServerMetrics.refused.help,
                labels: [("reason", refusal.rawValue)])
        }
        refusals[refusal]?.increment()
    }

    private mutating func add(_ pattern: String, _ registry: MetricsRegistry) -> Dictionary<String, Route>.Index {
        let seconds = registry.histogram(
            ServerMetrics.seconds.name, ServerMetrics.seconds.help, buckets: Histogram.latencyBuckets,
            labels: [("route", pattern)])
        routes[pattern] = Route(seconds: seconds)
        guard let index = routes.index(forKey: pattern) else { preconditionFailure("a key just set is there") }
        return index
    }
}
