public import Backbone
internal import Database
internal import EventModel
internal import Glibc
internal import KafkaBackbone
internal import Observability
internal import PostgresBackbone
public import ServiceKit

/// The backbone that the settings name. Services know the seam alone; this is where an implementation is chosen. Each
/// service asks for one part of it, and gets it when the database is fit to work on (`DatabaseGate`).
public enum SelectedBackbone {
    /// Where events are appended.
    public static func eventLog(_ context: ServiceContext) async throws -> any EventLog {
        try await DatabaseGate.pass(context)
        switch context.configuration[Settings.backboneKind] {
        case .postgres:
            return PostgresEventLog(try postgres(context), logger: context.logger, metrics: context.metrics)
        case .kafka:
            return try KafkaEventLog(try kafka(context), logger: context.logger, metrics: context.metrics)
        }
    }

    /// Where the feed is stored and fanned out; where events of the matcher's own are appended, and agents' runs are told
    /// of, if the backbone has a place for that.
    public static func fanOut(
        _ context: ServiceContext
    ) async throws -> (any FanOut, any EventLog, (any RunTopic)?) {
        try await DatabaseGate.pass(context)
        switch context.configuration[Settings.backboneKind] {
        case .postgres:
            let configuration = try postgres(context)
            return (
                PostgresFanOut(configuration, logger: context.logger, metrics: context.metrics),
                PostgresEventLog(configuration, logger: context.logger, metrics: context.metrics), nil
            )
        case .kafka:
            let configuration = try kafka(context)
            return (
                try KafkaFanOut(configuration, logger: context.logger, metrics: context.metrics),
                try KafkaEventLog(configuration, logger: context.logger, metrics: context.metrics),
                try KafkaRunTopic(configuration, logger: context.logger, metrics: context.metrics)
            )
        }
    }

    /// The lanes of a delivery worker, and what runs beside them.
    public static func lanes(_ context: ServiceContext) async throws -> (any DeliveryLanes, [any Service]) {
        try await DatabaseGate.pass(context)
        switch context.configuration[Settings.backboneKind] {
        case .postgres:
            let lanes = PostgresLanes(try postgres(context), logger: context.logger, metrics: context.metrics)
            return (lanes, [])
        case .kafka:
            let configuration = try kafka(context)
            let lanes = try KafkaLanes(configuration, logger: context.logger, metrics: context.metrics)
            let projector = AuditProjector(configuration, logger: context.logger, metrics: context.metrics)
            context.readiness.require(.projector) { projector.isReady }
            return (
                lanes,
                [
                    NamedService(
                        "projector", run: { try await projector.run() }, shutdown: { await projector.shutdown() })
                ]
            )
        }
    }

    /// The feed cursors of a delivery worker: in Postgres whatever carries the lanes. Connections of their own, since pages
    /// take longer than a look at the configuration.
    public static func cursors(_ context: ServiceContext) throws -> (any FeedCursors, any Service) {
        var database = DatabaseConfiguration(
            dsn: try context.configuration.required(Settings.postgresDSN).reveal(),
            applicationName: context.configuration.service.rawValue)
        database.connections = 2
        let pool = ConnectionPool(database, name: "cursors", logger: context.logger, metrics: context.metrics)
        return (
            PostgresFeedCursors(pool: pool),
            NamedService("cursors", run: { await pool.run() }, shutdown: { await pool.shutdown() })
        )
    }

    /// What the feed process needs: a log for events of its own, a way to put single deliveries on their lanes, and what
    /// runs beside them.
    public static func requests(
        _ context: ServiceContext
    ) async throws -> (any EventLog, any LaneAppender, [any Service]) {
        try await DatabaseGate.pass(context)
        switch context.configuration[Settings.backboneKind] {
        case .postgres:
            var configuration = try postgres(context)
            let log = PostgresEventLog(configuration, logger: context.logger, metrics: context.metrics)
            configuration.database.connections = 1
            let pool = ConnectionPool(
                configuration.database, name: "lanes", logger: context.logger, metrics: context.metrics)
            return (
                log, PostgresLaneAppender(pool: pool, lanes: configuration.lanePartitions),
                [NamedService("lanes", run: { await pool.run() }, shutdown: { await pool.shutdown() })]
            )
        case .kafka:
            let configuration = try kafka(context)
            let log = try KafkaEventLog(configuration, logger: context.logger, metrics: context.metrics)
            let lanes = try KafkaLaneAppender(configuration, logger: context.logger, metrics: context.metrics)
            return (
                log, lanes,
                [
                    NamedService("lanes") { stop in
                        await stop.wait()
                        await lanes.shutdown()
                    }
                ]
            )
        }
    }

    private static func postgres(_ context: ServiceContext) throws -> PostgresBackboneConfiguration {
        let configuration = context.configuration
        return PostgresBackboneConfiguration(
            database: DatabaseConfiguration(
                dsn: try configuration.required(Settings.postgresDSN).reveal(),
                applicationName: configuration.service.rawValue),
            member: member, eventPartitions: configuration[Settings.eventsPartitions],
            lanePartitions: configuration[Settings.lanesPartitions],
            dedupeWindow: configuration[Settings.dedupeWindow])
    }

    private static func kafka(_ context: ServiceContext) throws -> KafkaBackboneConfiguration {
        let configuration = context.configuration
        RecordFormat.write(version: configuration[Settings.recordsVersion])
        let topics = KafkaTopics(
            prefix: configuration[Settings.kafkaTopicPrefix] ?? "",
            eventPartitions: configuration[Settings.eventsPartitions],
            lanePartitions: configuration[Settings.lanesPartitions], replicas: configuration[Settings.kafkaReplicas],
            retention: configuration[Settings.retentionTopics])
        return KafkaBackboneConfiguration(
            connection: KafkaConnection(
                bootstrapServers: try configuration.required(Settings.kafkaBrokers).joined(separator: ","),
                clientID: configuration.service.rawValue),
            member: member,
            database: DatabaseConfiguration(
                dsn: try configuration.required(Settings.postgresDSN).reveal(),
                applicationName: configuration.service.rawValue),
            topics: topics, dedupeWindow: configuration[Settings.dedupeWindow])
    }

    /// Names this process among the holders of partitions; new at every start, so that a restarted process is never taken
    /// for the one before it.
    private static let member: String = {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        let host = name.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return "\(host)-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    }()
}
