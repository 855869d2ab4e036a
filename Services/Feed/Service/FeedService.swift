public import Backbone
public import Crypto
public import Database
public import Egress
public import EventModel
public import HTTPServer
public import Observability
public import Signing
public import Store

/// The feed process: everything under `/v1` that ingest does not serve. Tenants read their events, manage webhooks and see
/// what became of deliveries.
///
///     let service = FeedService(parts, logger: logger, metrics: metrics)
///     let server = HTTPServer(configuration: …, handler: service.router, …)
///     await service.run()          // beside server.run(), until cancelled
public struct FeedService: Sendable {
    /// What the service is made of.
    public struct Parts: Sendable {
        /// For requests.
        public var database: any StatementExecutor
        /// For the tailer alone, so that no page holds it up.
        public var tailDatabase: any StatementExecutor
        public var directory: Directory
        /// For events of the service's own (`webhook.test`).
        public var log: any EventLog
        public var lanes: any LaneAppender
        public var secrets: SecretBox
        public var targets: TargetCheck
        public var defaults = DeliveryDefaults()
        public var egressCIDRs: [String] = []
        /// How many lanes there are.
        public var lanePartitions = 48
        public var wakeUps = FeedWakeUps.postgres
        public var clock: any WallClock = SystemClock()
        /// What the names of our own headers begin with.
        public var headerPrefix = "X-IC"
        /// The header lines of pings.
        public var headers: DeliveryHeaders
        /// Makes a request to an endpoint.
        public var send: @Sendable (Exchange) async -> ExchangeResult
        /// Every webhook is verified before anything is matched for it.
        public var verifiesWebhooks = false

        public init(
            database: any StatementExecutor, tailDatabase: any StatementExecutor, directory: Directory,
            log: any EventLog, lanes: any LaneAppender, secrets: SecretBox, targets: TargetCheck,
            headers: DeliveryHeaders,
            send: @escaping @Sendable (Exchange) async -> ExchangeResult
        ) {
            self.database = database
            self.tailDatabase = tailDatabase
            self.directory = directory
            self.log = log
            self.lanes = lanes
            self.secrets = secrets
            self.targets = targets
            self.headers = headers
            self.send = send
        }
    }

    /// How much live readers may take.
    public struct Limits: Sendable {
        /// Bytes of the newest events that live readers share.
        public var ringBytes = 16 << 20
        public var streams = 10_000
        /// Requests at work or waiting, long-polls included.
        public var requests = 12_000
        /// Queries at once for readers that are behind the ring.
        public var catchUpQueries = 4
        /// A stream whose client takes nothing for this long while something waits for it is cut off.
        public var streamPatience: Duration = .seconds(15)
        /// Exports of the audit at once.
        public var exports = 4
        /// An export whose client takes nothing for this long is cut off.
        public var exportPatience: Duration = .seconds(60)

        public init() {}
    }

    /// What the executable's server calls.
    public let router: Router
    let routes: [APIRoute]
    private let hub: FeedHub
    private let tailer: FeedTailer
    private let feeder: StreamFeeder
    private let keeper: JobKeeper
    private let exports: AuditExporter
    /// What is to be told of endpoints.
    let teller: EndpointEventTeller
    private let verification: WebhookVerification

    public init(_ parts: Parts, limits: Limits = Limits(), logger: Logger, metrics registry: MetricsRegistry) {
        let log = logger.limited()
        let metrics = FeedMetrics(registry)
        let feed = FeedQueries(parts.database)
        let gate = CatchUpGate(places: limits.catchUpQueries)
        let hub = FeedHub(capacity: limits.ringBytes, metrics: metrics)
        self.hub = hub
        feeder = StreamFeeder(hub: hub, feed: feed, gate: gate, patience: limits.streamPatience, log: log)
        let tailDatabase = parts.tailDatabase
        tailer = FeedTailer(
            hub: hub, tail: FeedTail(tailDatabase), feed: FeedQueries(tailDatabase), database: tailDatabase,
            idleChannel: parts.wakeUps.idleChannel, metrics: metrics, log: log)
        registry.observedGauge("fanfare_feed_streams", "Open streams.") { [weak hub] in Double(hub?.streamCount ?? 0) }

        exports = AuditExporter(
            queries: AuditExportQueries(parts.database), limit: limits.exports, patience: limits.exportPatience,
            log: log)
        teller = EndpointEventTeller(events: EndpointEventStore(parts.database), log: parts.log, logger: log)
        let webhooks = WebhookStore(parts.database)
        let clock = parts.clock
        let letterMetrics = DeadLetterMetrics(registry)
        let jobs = JobStore(parts.database)
        let keeper = JobKeeper(jobs: jobs, metrics: letterMetrics, log: log)
        self.keeper = keeper
        let verification = WebhookVerification(
            ping: WebhookPing(
                webhooks: webhooks, audit: PingAuditStore(parts.database), secrets: parts.secrets,
                policy: parts.targets.policy, headers: parts.headers, defaults: parts.defaults, clock: clock,
                send: parts.send), logger: log)
        self.verification = verification
        routes =
            TenantRoutes(tenants: TenantStore(parts.database), directory: parts.directory, clock: clock).routes
            + TokenRoutes(tokens: TokenStore(parts.database), directory: parts.directory, clock: clock).routes
            + WorkspaceRoutes(
                workspaces: WorkspaceStore(parts.database), directory: parts.directory, secrets: parts.secrets,
                clock: clock
            ).routes
            + WebhookRoutes(
                webhooks: webhooks, targets: parts.targets, secrets: parts.secrets, log: parts.log,
                defaults: parts.defaults,
                equipment: WebhookEquipmentFields(secrets: parts.secrets, headerPrefix: parts.headerPrefix),
                verification: verification,
                resumption: WebhookResumption(
                    webhooks: webhooks, jobs: jobs, lanes: parts.lanePartitions, clock: clock),
                verifiesAll: parts.verifiesWebhooks, clock: clock
            ).routes
            + WebhookSecretRoutes(
                webhooks: webhooks, secrets: parts.secrets, headerPrefix: parts.headerPrefix, clock: clock
            ).routes
            + WebhookHealthRoutes(
                webhooks: webhooks, health: EndpointHealthQuery(parts.database), clock: clock
            ).routes
            + DeliveryRoutes(
                audit: AuditQueries(parts.database), feed: feed, webhooks: webhooks, lanes: parts.lanes, clock: clock
            ).routes
            + DeadLetterRoutes(
                letters: DeadLetterStore(parts.database), audit: AuditQueries(parts.database), feed: feed,
                webhooks: webhooks, lanes: parts.lanes, clock: clock, metrics: letterMetrics
            ).routes
            + JobRoutes(
                jobs: jobs, webhooks: webhooks, lanes: parts.lanePartitions, clock: clock, wake: { keeper.wake() }
            ).routes
            + IntegrationRoutes(
                integrations: IntegrationStore(parts.database), secrets: parts.secrets, clock: clock
            ).routes
            + TriggerRoutes(
                triggers: TriggerStore(parts.database), integrations: IntegrationStore(parts.database),
                secrets: parts.secrets, clock: clock
            ).routes
            + RoleRoutes(roles: RoleStore(parts.database), workspaces: WorkspaceStore(parts.database)).routes
            + AgentRunRoutes(runs: AgentRunStore(parts.database)).routes
            + InsightRoutes(
                feed: feed, trace: TraceQueries(parts.database), undelivered: UndeliveredQueries(parts.database),
                webhooks: webhooks
            ).routes
            + AuditExportRoutes(exporter: exports).routes
            + EventRoutes(reader: FeedReader(hub: hub, feed: feed, gate: gate), feed: feed).routes
            + StreamRoutes(hub: hub, feed: feed, maximumStreams: limits.streams).routes
            + EventTypeRoutes(types: EventTypeStore(parts.database)).routes
            + MetaRoutes(egressCIDRs: parts.egressCIDRs).routes
        let gatekeeper = Gatekeeper(directory: parts.directory, log: log)
        var table = RouteTable()
        for route in routes { gatekeeper.add(route, to: &table) }
        MisdirectedRoutes.add(to: &table)
        router = Router(table, logger: logger, maxTasks: limits.requests)
    }

    /// Tails the feed for live readers until the task is cancelled.
    public func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await feeder.run() }
            group.addTask { await keeper.run() }
            group.addTask { await exports.run() }
            group.addTask { await teller.run() }
            group.addTask { await verification.run() }
            await tailer.run()
            endReaders()
            group.cancelAll()
        }
    }

    /// Long-polls that wait.
    var waitingPolls: Int { hub.pollCount }

    /// Somebody has put events on the feed.
    public func wake() { hub.wake.set() }

    /// Ends streams and answers long-polls: the first thing on the way down, for neither ends by itself.
    public func endReaders() {
        hub.end()
        exports.end()
    }
}
