internal import HTTPServer
internal import Observability

/// What operators and their machines ask a program: `/metrics`, `/livez` and `/readyz`, on a port of their own.
///
/// Everything is answered on the server's own thread, so that a program whose tasks are all busy still answers.
struct AdminServer: Sendable {
    /// A handful of probes and scrapers at a time.
    private static let maxConnections = 64
    /// Nothing here takes longer to answer.
    private static let drain = Duration.seconds(1)

    private let server: HTTPServer

    init(listen: HostPort, readiness: Readiness, metrics: MetricsRegistry, logger: Logger) {
        var configuration = HTTPServerConfiguration()
        configuration.listen(on: listen)
        configuration.threadName = "admin"
        configuration.maxConnections = AdminServer.maxConnections
        server = HTTPServer(
            configuration: configuration,
            handler: Router(AdminServer.routes(readiness: readiness, metrics: metrics), logger: logger), logger: logger)
    }

    /// Serves from here on.
    func start() throws { try server.start() }

    func run(until stop: ShutdownSignal) async throws {
        try await HTTPService("admin", server, drain: AdminServer.drain).serve(until: stop)
    }

    static func routes(readiness: Readiness, metrics: MetricsRegistry) -> RouteTable {
        var routes = RouteTable()
        let seconds = metrics.gauge(
            "fanfare_scrape_seconds", "How long it took to write the metrics, the time before.")
        let size = metrics.gauge("fanfare_scrape_bytes", "Bytes of the metrics, the time before.")
        routes.add(
            .get, "/metrics",
            .immediate { _ in
                var bytes: [UInt8] = []
                let began = ContinuousClock.now
                metrics.render(into: &bytes)
                seconds.set(began.duration(to: .now) / .seconds(1))
                size.set(Double(bytes.count))
                return Response(
                    status: 200, headers: [HTTPField("Content-Type", MetricsRegistry.contentType)], body: .bytes(bytes))
            })
        routes.add(.get, "/livez", .immediate { _ in .text(200, "ok\n") })
        routes.add(.get, "/readyz", .immediate { _ in answer(failing: readiness.failing()) })
        return routes
    }

    /// The names are a closed set of lower-case words, so they need no escaping.
    private static func answer(failing: [Readiness.Condition]) -> Response {
        let names = failing.map { "\"\($0.rawValue)\"" }.joined(separator: ",")
        return .json(
            failing.isEmpty ? 200 : 503, text: #"{"ready":\#(failing.isEmpty),"failing":[\#(names)]}"# + "\n",
            headers: [HTTPField("Cache-Control", "no-store")])
    }
}
