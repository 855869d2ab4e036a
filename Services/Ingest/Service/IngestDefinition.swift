public import Backbone
internal import Database
internal import HTTPServer
internal import Observability
public import ServiceKit
internal import Store

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
            let ingest = IngestService(
                log: log, directory: StoreDirectory(directory: directory),
                concurrentAppends: configuration[Settings.backboneKind] == .kafka ? 4 : 1, metrics: context.metrics,
                logger: context.logger)
            let server = HTTPServer(
                configuration: HTTPServerConfiguration(
                    configuration, listen: configuration[Settings.ingestListen]),
                handler: ingest.router, logger: context.logger, metrics: context.metrics)
            context.readiness.require(.configuration) { directory.isLoaded }
            context.readiness.require(.log) { log.isReady }
            return [
                HTTPService("http", server),
                NamedService("doors", run: { await ingest.run() }, shutdown: { ingest.shutdown() }),
                NamedService("event-log", run: { try await log.run() }, shutdown: { await log.shutdown() }),
                NamedService("directory", cancelling: { await directory.run() }),
                NamedService("database", run: { await pool.run() }, shutdown: { await pool.shutdown() }),
            ]
        }
    }
}
