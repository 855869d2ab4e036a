public import Backbone
internal import Database
internal import Observability
public import ServiceKit
internal import Store
internal import Tracing

extension MatcherService {
    /// `fanfare-matcher` as its executable starts it.
    ///
    /// - Parameter makeFanOut: The fan-out of the configured backbone, its log for events of the matcher's own, and its topic
    ///   of runs, if it has one.
    public static func definition(
        makeFanOut: @escaping @Sendable (ServiceContext) async throws -> (any FanOut, any EventLog, (any RunTopic)?)
    ) -> ServiceDefinition {
        ServiceDefinition(.matcher, summary: "puts events on the feed and fans it out to the delivery lanes") {
            context in
            var database = DatabaseConfiguration(
                dsn: try context.configuration.required(Settings.postgresDSN).reveal(),
                applicationName: "fanfare-matcher")
            // For the configuration, envelopes and runs; the fan-out has connections of its own.
            database.connections = 2
            let pool = ConnectionPool(database, name: "config", logger: context.logger, metrics: context.metrics)
            let (fanOut, log, topic) = try await makeFanOut(context)
            let tracer = try Tracer(context)
            let matcher = MatcherService(
                fanOut: fanOut, revisions: RevisionStore(pool: pool),
                agents: MatcherService.Agents(
                    runs: AgentRunStore(pool), triggers: TriggerStore(pool), feed: FeedQueries(pool), log: log,
                    topic: topic),
                tracer: tracer, metrics: context.metrics, logger: context.logger)
            let runTopic: [any Service] =
                topic.map { topic in
                    [NamedService("run-topic", run: { try await topic.run() }, shutdown: { await topic.shutdown() })]
                } ?? []
            let listener = Listener(
                database, channels: [RevisionFollower.channel], name: "config", logger: context.logger,
                metrics: context.metrics, onNotify: { _, _ in matcher.configurationChanged() },
                onReconnect: { matcher.configurationChanged() })
            let configuration = context.configuration
            let retention = Maintenance.Retention(
                feed: configuration[Settings.retentionFeed], audit: configuration[Settings.retentionAudit],
                deadLetters: configuration[Settings.retentionDeadLetters],
                dedupe: configuration[Settings.dedupeWindow])
            let maintenance = Maintenance(
                pool, retention: retention, logger: context.logger, metrics: context.metrics)
            let watch = StoreWatch(
                pool, backbone: configuration[Settings.backboneKind] == .postgres ? .postgres : .kafka,
                retention: retention, capacity: configuration[Settings.postgresCapacity] ?? 0,
                logger: context.logger, metrics: context.metrics)
            let clock = ClockWatch(pool, metrics: context.metrics)
            context.readiness.require(.configuration) { matcher.isLoaded }
            context.readiness.require(.fanOut) { fanOut.isReady }
            return [
                NamedService("matcher", run: { try await matcher.run() }, shutdown: { await matcher.shutdown() }),
                NamedService("event-log", run: { try await log.run() }, shutdown: { await log.shutdown() }),
            ] + runTopic + [
                NamedService("tracer", run: { await tracer.run() }, shutdown: { tracer.shutdown() }),
                NamedService("maintenance", cancelling: { await maintenance.run() }),
                NamedService("store-watch", cancelling: { await watch.run() }),
                NamedService("clock-watch", cancelling: { await clock.run() }),
                NamedService("configuration", cancelling: { await matcher.follow() }),
                NamedService("configuration-listener", cancelling: { await listener.run() }),
                NamedService("database", run: { await pool.run() }, shutdown: { await pool.shutdown() }),
            ]
        }
    }
}
