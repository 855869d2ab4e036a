public import Backbone
internal import Crypto
internal import Database
internal import Egress
internal import EventModel
internal import Observability
public import ServiceKit
internal import Signing
internal import Store
internal import Tracing

/// `fanfare-delivery` as its executable starts it.
public enum DeliveryService {
    /// - Parameter makeLanes: The delivery lanes of the configured backbone, and what else of the backbone runs in a
    ///   delivery worker (the audit projector), in the order in which it ends.
    /// - Parameter makeCursors: The feed cursors, and what has to run for them.
    public static func definition(
        makeLanes: @escaping @Sendable (ServiceContext) async throws -> (any DeliveryLanes, [any Service]),
        makeCursors: @escaping @Sendable (ServiceContext) throws -> (any FeedCursors, any Service)
    ) -> ServiceDefinition {
        ServiceDefinition(.delivery, summary: "signs and posts what waits in the delivery lanes") { context in
            let configuration = context.configuration
            var database = DatabaseConfiguration(
                dsn: try configuration.required(Settings.postgresDSN).reveal(), applicationName: "fanfare-delivery")
            database.connections = 2
            let pool = ConnectionPool(
                database, name: "config", logger: context.logger, metrics: context.metrics)
            let (lanes, others) = try await makeLanes(context)
            let (cursors, cursorService) = try makeCursors(context)
            let parts = try DeliveryParts(context, pool: pool, lanes: lanes, cursors: cursors)
            let follower = parts.follower
            let engine = parts.engine
            let listener = Listener(
                database, channels: [RevisionFollower.channel, CursorStore.channel], name: "config",
                logger: context.logger, metrics: context.metrics,
                onNotify: { channel, _ in
                    if channel == CursorStore.channel { engine.jobsChanged() } else { follower.changed() }
                }, onReconnect: { follower.changed() })
            context.readiness.require(.configuration) { follower.isLoaded }
            context.readiness.require(.lanes) { lanes.isReady }
            let clock = ClockWatch(pool, metrics: context.metrics)
            let (worker, tracer) = (parts.worker, parts.tracer)
            return [
                NamedService("worker", run: { try await worker.run() }, shutdown: { await worker.shutdown() }),
                NamedService("sender") { stop in
                    await stop.wait()
                    parts.sender.stop()
                    parts.resolver.stop()
                },
                NamedService("health", cancelling: { await parts.health.run() }),
            ] + others + [
                cursorService,
                NamedService("tracer", run: { await tracer.run() }, shutdown: { tracer.shutdown() }),
                NamedService("clock-watch", cancelling: { await clock.run() }),
                NamedService("configuration", cancelling: { await follower.run() }),
                NamedService("configuration-listener", cancelling: { await listener.run() }),
                NamedService("database", run: { await pool.run() }, shutdown: { await pool.shutdown() }),
            ]
        }
    }
}

/// The worker and what it stands on, wired.
struct DeliveryParts: Sendable {
    let follower: RevisionFollower
    let worker: DeliveryWorker
    let health: HealthReporter
    let engine: CursorEngine
    let sender: HTTPSender
    let resolver: Resolver
    let tracer: Tracer

    init(
        _ context: ServiceContext, pool: ConnectionPool, lanes: any DeliveryLanes, cursors: any FeedCursors
    ) throws {
        let configuration = context.configuration
        let clock = SystemClock()
        let keys = try configuration.masterKeys().map { try MasterKey(text: $0.reveal()) }
        let isOpen = configuration[Settings.allowPrivateTargets]
        let policy = AddressPolicy(allowsPrivateTargets: isOpen, allowsPlainHTTP: isOpen)
        let book = EndpointBook()
        let revisions = RevisionStore(pool: pool)
        let follower = RevisionFollower(store: revisions, logger: context.logger) { changes in
            book.apply(changes.revisions, spans: changes.spans)
        }
        let tracer = try Tracer(context)
        self.tracer = tracer
        let attempts = EgressAttempts(
            maker: PostMaker(
                headers: try DeliveryHeaders(
                    prefix: configuration[Settings.headerPrefix], userAgent: PostMaker.userAgent),
                keys: EndpointKeys(
                    secrets: try SecretBox(current: keys[0], previous: Array(keys.dropFirst())), policy: policy),
                standardTimeout: configuration[Settings.deliveryTimeout]),
            clock: clock, logger: context.logger, tracer: tracer)
        let resolver = Resolver(metrics: context.metrics)
        var settings = HTTPSender.Settings()
        settings.userAgent = PostMaker.product
        settings.maySend = { lanes.mayDeliver(lane: $0.part, epoch: $0.epoch) }
        let sender = HTTPSender(
            settings: settings, policy: policy, resolver: resolver, metrics: context.metrics
        ) { results in attempts.completed(results) }
        let outcomes = OutcomeQueue()
        let states = EndpointStateStore(pool)
        let disabling = EndpointDisabler(
            store: states, clock: clock, logger: context.logger, metrics: context.metrics)
        let healthBook = HealthBook()
        let dispatcher = Dispatcher(
            book: book, lanes: lanes, policy: DispatchPolicy(configuration), clock: clock,
            random: SecureDispatchRandomness(), instruments: DispatchInstruments(context.metrics),
            health: healthBook, settle: { outcomes.add($0) }, disable: { disabling.add($0) })
        attempts.connect(sender: sender, dispatcher: dispatcher)
        dispatcher.tell(context.metrics)
        follower.tell(context.metrics)
        context.metrics.observedGauge("fanfare_delivery_endpoints", "Endpoints in the configuration snapshot.") {
            Double(book.count)
        }
        health = HealthReporter(
            book: healthBook, dispatcher: dispatcher, store: states, policy: EndpointPolicy(configuration),
            clock: clock, disabled: EndpointInstruments.disabled(context.metrics, reason: "failing"),
            logger: context.logger)
        context.metrics.observedGauge(
            "fanfare_client_certificate_next_expiry_timestamp_seconds",
            "When the first of the client certificates ends that are in force; 0: there are none."
        ) { Double(book.certificates(at: clock.now().seconds).next ?? 0) }
        context.metrics.observedGauge(
            "fanfare_client_certificates_expired", "Endpoints whose client certificate has ended."
        ) { Double(book.certificates(at: clock.now().seconds).ended) }
        context.metrics.observedGauge(
            "fanfare_ca_bundle_next_expiry_timestamp_seconds",
            "When the first CA ends of the bundles that webhooks bring, of those in force; 0: there are none."
        ) { Double(book.authorities(at: clock.now().seconds).next ?? 0) }
        context.metrics.observedGauge(
            "fanfare_ca_bundles_expired", "Endpoints whose CA bundle has no CA left that is in force."
        ) { Double(book.authorities(at: clock.now().seconds).ended) }
        engine = CursorEngine(
            feed: cursors, history: { try await revisions.history(of: $0, from: $1) }, follower: follower, book: book,
            dispatcher: dispatcher, sender: attempts, clock: clock, logger: context.logger, metrics: context.metrics)
        self.follower = follower
        self.sender = sender
        self.resolver = resolver
        worker = DeliveryWorker(
            lanes: lanes, follower: follower, dispatcher: dispatcher, sender: attempts, outcomes: outcomes,
            disabling: disabling, cursors: engine, logger: context.logger)
    }
}

extension DispatchPolicy {
    init(_ configuration: Configuration) {
        self.init()
        inFlight = configuration[Settings.deliveryInFlight]
        inFlightPerEndpoint = configuration[Settings.deliveryEndpointInFlight]
        breakerFailures = configuration[Settings.deliveryBreakerFailures]
        maySwitch = true
        switchAfter = Int64(configuration[Settings.deliverySwitchAfter] / .microseconds(1))
        cursorShare = configuration[Settings.deliveryCursorShare]
        cursorShareAlone = max(cursorShare, cursorShareAlone)
        breakerProbeInterval = Int64(configuration[Settings.deliveryBreakerProbe] / .microseconds(1))
    }
}

extension EndpointPolicy {
    init(_ configuration: Configuration) {
        self.init()
        disableAfter = configuration[Settings.endpointDisableAfter]
        disableFailures = Int64(configuration[Settings.endpointDisableFailures])
        eventPause = configuration[Settings.endpointEventPause]
    }
}
