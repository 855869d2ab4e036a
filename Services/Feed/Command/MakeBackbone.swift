internal import Backbone
internal import Database
internal import FeedService
internal import Observability
internal import PostgresBackbone
internal import ServiceKit

/// The part of the configured backbone that the feed process uses: a log for events of its own, and lanes for deliveries
/// that somebody asks for. (A function of its own file: closures in main.swift would belong to the main actor.)
@Sendable func makeBackbone(_ context: ServiceContext) async throws -> FeedBackbone {
    let configuration = context.configuration
    switch configuration[Settings.backboneKind] {
    case .postgres:
        var database = DatabaseConfiguration(
            dsn: try configuration.required(Settings.postgresDSN).reveal(), applicationName: "fanfare-feed")
        database.connections = 1
        let pool = ConnectionPool(database, name: "lanes", logger: context.logger, metrics: context.metrics)
        let log = PostgresEventLog(
            PostgresBackboneConfiguration(
                // It holds no lease here, so any name will do.
                database: database, member: "feed", eventPartitions: configuration[Settings.eventsPartitions],
                lanePartitions: configuration[Settings.lanesPartitions],
                dedupeWindow: configuration[Settings.dedupeWindow]),
            logger: context.logger, metrics: context.metrics)
        return FeedBackbone(
            log: log, lanes: PostgresLaneAppender(pool: pool, lanes: configuration[Settings.lanesPartitions]),
            services: [
                NamedService("event-log", run: { try await log.run() }, shutdown: { await log.shutdown() }),
                NamedService("lanes", run: { await pool.run() }, shutdown: { await pool.shutdown() }),
            ])
    case .kafka:
        throw ConfigurationError(["backbone: this release's feed process works with postgres only"])
    }
}
