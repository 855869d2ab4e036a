internal import Addresses
public import Backbone
internal import Crypto
internal import Database
internal import EventModel
internal import HTTPServer
internal import Inbound
internal import Observability
public import ServiceKit
internal import Store
internal import Tracing

extension IngestService {
    /// `fanfare-ingest` as its executable starts it.
    ///
    /// - Parameter makeLog: The event log of the configured backbone.
    public static func definition(
        makeLog: @escaping @Sendable (ServiceContext) async throws -> any EventLog
    ) -> ServiceDefinition {
        ServiceDefinition(.ingest, summary: "takes events in at every door") { context in
            let configuration = context.configuration
            var database = DatabaseConfiguration(
                dsn: try configuration.required(Settings.postgresDSN).reveal(), applicationName: "fanfare-ingest")
            // Only the directory reads here; the log has connections of its own.
            database.connections = 2
            let pool = ConnectionPool(
                database, name: "directory", logger: context.logger, metrics: context.metrics)
            let directory = Directory(
                database: pool, listen: database, logger: context.logger, metrics: context.metrics)
            let log = try await makeLog(context)
            let box = try secretBox(context)
            let inbound = try InboundParts(context, pool: pool, listen: database, box: box)
            let tracer = try Tracer(context, oneIn: configuration[Settings.tracingOneIn])
            let ingest = IngestService(
                log: log, directory: StoreDirectory(directory: directory, box: box), inbound: inbound.setup,
                // Postgres takes a millisecond or two for each append; a broker, which does not flush, hardly any.
                pace: configuration[Settings.backboneKind] == .kafka
                    ? Pace(longest: .milliseconds(5), calm: 400, full: 4_000) : nil,
                tracer: tracer, metrics: context.metrics,
                logger: context.logger)
            let server = HTTPServer(
                configuration: HTTPServerConfiguration(
                    configuration, listen: configuration[Settings.ingestListen]),
                handler: ingest.router, logger: context.logger, metrics: context.metrics)
            context.readiness.require(.configuration) { directory.isLoaded && inbound.follower.isLoaded }
            context.readiness.require(.log) { log.isReady }
            let clock = ClockWatch(pool, metrics: context.metrics)
            context.readiness.require(.clock) { clock.isTrusted }
            inbound.follower.tell(context.metrics)
            let follower = inbound.follower
            let http = HTTPService(
                "http", server, when: { log.isReady && directory.isLoaded && follower.isLoaded })
            context.readiness.require(.listener) { http.isListening }
            return [
                http,
                NamedService("doors", run: { await ingest.run() }, shutdown: { ingest.shutdown() }),
                NamedService("event-log", run: { try await log.run() }, shutdown: { await log.shutdown() }),
                NamedService(
                    "inbound-audit", run: { await inbound.setup.audit.run() },
                    shutdown: { inbound.setup.audit.shutdown() }),
                NamedService("tracer", run: { await tracer.run() }, shutdown: { tracer.shutdown() }),
                NamedService("directory", cancelling: { await directory.run() }),
                NamedService("clock-watch", cancelling: { await clock.run() }),
                NamedService("integrations", cancelling: { await inbound.follower.run() }),
                NamedService("integrations-listener", cancelling: { await inbound.listener.run() }),
                NamedService("database", run: { await pool.run() }, shutdown: { await pool.shutdown() }),
            ]
        }
    }
    /// Nil where there is no master key: then what is sealed with one stays closed, and its doors answer 503.
    private static func secretBox(_ context: ServiceContext) throws -> SecretBox? {
        guard context.configuration[Settings.masterKey] != nil else {
            context.logger.warning("no-master-key")
            return nil
        }
        let keys = try context.configuration.masterKeys().map { try MasterKey(text: $0.reveal()) }
        return try SecretBox(current: keys[0], previous: Array(keys.dropFirst()))
    }
}

/// The doors for other people's webhooks, wired to the store.
private struct InboundParts {
    let setup: InboundSetup
    let follower: IntegrationFollower
    let listener: Listener

    init(_ context: ServiceContext, pool: ConnectionPool, listen: DatabaseConfiguration, box: SecretBox?) throws {
        let configuration = context.configuration
        let book = IntegrationBook(box: box, metrics: context.metrics, logger: context.logger)
        let follower = IntegrationFollower(store: IntegrationStore(pool), logger: context.logger) { changes in
            book.apply(changes.changed, ended: changes.ended)
        }
        let audit = InboundAudit(metrics: context.metrics, logger: context.logger) { records in
            var columns = InboundAuditColumns()
            for record in records { columns.append(record) }
            _ = try await pool.execute(InboundAuditStatement.statement, InboundAuditStatement.parameters(columns))
        }
        let proxies = try (configuration[Settings.trustedProxies] ?? []).map { text in
            guard let range = AddressRange(text) else {
                throw ConfigurationError(["ingest.trusted-proxies: an item is no address or block"])
            }
            return range
        }
        let trust = ProxyTrust(
            proxies: proxies, certificateHeader: configuration[Settings.clientCertificateHeader])
        var setup = InboundSetup(
            book: book, gate: InboundGate(trust: trust, clock: SystemClock(), audit: audit, metrics: context.metrics),
            audit: audit, triggers: TriggerEndpoints(book: book))
        setup.products = try Self.products(configuration)
        self.setup = setup
        self.follower = follower
        listener = Listener(
            listen, channels: [IntegrationFollower.channel], name: "integrations", logger: context.logger,
            metrics: context.metrics, onNotify: { _, _ in follower.changed() }, onReconnect: { follower.changed() })
    }

    private static func products(_ configuration: Configuration) throws -> ProductTenants {
        var tenants: [ProductSource: TenantID] = [:]
        for (source, setting) in [
            (ProductSource.agentgate, Settings.agentGateTenant), (.formbridge, Settings.formBridgeTenant),
            (.generic, Settings.genericTenant),
        ] {
            guard let text = configuration[setting] else { continue }
            guard let tenant = TenantID(text) else {
                throw ConfigurationError(["ingest.\(source.rawValue).tenant: \(text) is not the id of a tenant"])
            }
            tenants[source] = tenant
        }
        return ProductTenants(tenants)
    }
}
