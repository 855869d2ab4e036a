public import Backbone
internal import Crypto
internal import Database
internal import Egress
internal import HTTPServer
internal import Observability
public import ServiceKit
internal import Signing
internal import Store

extension FeedService {
    /// `fanfare-feed` as its executable starts it.
    ///
    /// - Parameter makeBackbone: The configured backbone's log, for events of the process's own; its lanes, for deliveries
    ///   that somebody asks for; and what else of it runs here, in the order in which it ends.
    public static func definition(
        makeBackbone:
            @escaping @Sendable (ServiceContext) async throws -> (any EventLog, any LaneAppender, [any Service])
    ) -> ServiceDefinition {
        ServiceDefinition(.feed, summary: "serves the feed, its management and what became of deliveries") { context in
            let configuration = context.configuration
            var database = DatabaseConfiguration(
                dsn: try configuration.required(Settings.postgresDSN).reveal(), applicationName: "fanfare-feed")
            database.connections = configuration[Settings.postgresConnections]
            let pool = ConnectionPool(database, name: "feed", logger: context.logger, metrics: context.metrics)
            // Alone on its connection: the tailer never waits behind a page.
            let tail = Connection(database, name: "tail", logger: context.logger, metrics: context.metrics)
            let directory = Directory(
                database: pool, listen: database, logger: context.logger, metrics: context.metrics)
            let keys = try configuration.masterKeys().map { try MasterKey(text: $0.reveal()) }
            let isOpen = configuration[Settings.allowPrivateTargets]
            let resolver = Resolver(metrics: context.metrics)
            let policy = AddressPolicy(allowsPrivateTargets: isOpen, allowsPlainHTTP: isOpen)
            var settings = HTTPClient.settings
            settings.userAgent = "Fanfare/\(BuildInfo.version)"
            let client = HTTPClient(
                settings: settings, policy: policy, resolver: resolver, metrics: context.metrics)
            let (log, lanes, others) = try await makeBackbone(context)
            var parts = Parts(
                database: pool, tailDatabase: tail, directory: directory, log: log, lanes: lanes,
                secrets: try SecretBox(current: keys[0], previous: Array(keys.dropFirst())),
                targets: TargetCheck(policy: policy, resolver: resolver),
                headers: try DeliveryHeaders(
                    prefix: configuration[Settings.headerPrefix], userAgent: settings.userAgent + " HTTP/1.1"),
                send: { await client.send($0) })
            parts.verifiesWebhooks = configuration[Settings.webhooksVerify]
            parts.defaults.timeout = Int(configuration[Settings.deliveryTimeout].components.seconds)
            parts.headerPrefix = configuration[Settings.headerPrefix]
            parts.egressCIDRs = configuration[Settings.egressCIDRs] ?? []
            parts.lanePartitions = configuration[Settings.lanesPartitions]
            parts.wakeUps = configuration[Settings.backboneKind] == .kafka ? .kafka : .postgres
            var limits = Limits()
            limits.streams = configuration[Settings.feedStreams]
            limits.ringBytes = configuration[Settings.feedRing]
            let service = FeedService(parts, limits: limits, logger: context.logger, metrics: context.metrics)
            let server = HTTPServer(
                configuration: HTTPServerConfiguration(feed: configuration), handler: service.router,
                logger: context.logger, metrics: context.metrics)
            let listener = Listener(
                database, channels: [parts.wakeUps.channel], name: "feed-wake", logger: context.logger,
                metrics: context.metrics, onNotify: { _, _ in service.wake() }, onReconnect: { service.wake() })
            // Not whether Postgres is there: without it this process answers 503 in a form that clients know, and its
            // streams go on when it is back; taken out of the balancer it could do neither.
            context.readiness.require(.configuration) { directory.isLoaded }
            let clock = ClockWatch(pool, metrics: context.metrics)
            // Streams and long-polls do not end by themselves.
            let http = HTTPService(
                "http", server, drain: drain, when: { directory.isLoaded }, ending: { service.endReaders() })
            context.readiness.require(.listener) { http.isListening }
            return [
                http,
                NamedService("readers", cancelling: { await service.run() }),
                NamedService("wake-ups", cancelling: { await listener.run() }),
                NamedService("resolver") { stop in
                    await stop.wait()
                    client.stop()
                    resolver.stop()
                },
                NamedService("event-log", run: { try await log.run() }, shutdown: { await log.shutdown() }),
            ] + others + [
                NamedService("directory", cancelling: { await directory.run() }),
                NamedService("clock-watch", cancelling: { await clock.run() }),
                NamedService("tail", run: { await tail.run() }, shutdown: { await tail.shutdown() }),
                NamedService("database", run: { await pool.run() }, shutdown: { await pool.shutdown() }),
            ]
        }
    }

    /// How long requests in flight may take to end.
    private static let drain: Duration = .seconds(10)
}

extension HTTPServerConfiguration {
    /// Small pools: thousands of streams stay open, and their requests are small.
    fileprivate init(feed configuration: Configuration) {
        self.init(configuration, listen: configuration[Settings.feedListen])
        poolBytes = 8 * 1024
        maxHeaderBytes = 4 * 1024
    }
}
