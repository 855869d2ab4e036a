internal import Database
internal import Observability
internal import ServiceKit
internal import Store
internal import Synchronization

/// What stands between a service and its database: nothing of it starts before the schema is one that this program works
/// on, and the settings say as many partitions as the installation has.
///
/// A database that is away, or not migrated yet, is waited for: both pass by themselves (a deployment's migration runs
/// beside the processes that need it), the admin port says what is missing meanwhile, and a process that ended would be
/// started again later each time. Waiting costs nothing, since no service does anything before it has read its
/// configuration. A schema that needs a newer program, and other counts, do not pass: they end the program as any wrong
/// setting does.
enum DatabaseGate {
    /// Between two looks.
    private static let pause: Duration = .milliseconds(500)
    /// Looks between two lines in the log that say the same.
    private static let silence = 60

    /// - Throws: `ConfigurationError`, or `CancellationError` when the program is told to end meanwhile.
    static func pass(_ context: ServiceContext) async throws {
        let passed = Passed()
        context.readiness.require(.schema) { passed.value.load(ordering: .relaxed) }
        let pool = ConnectionPool(
            DatabaseConfiguration(
                dsn: try context.configuration.required(Settings.postgresDSN).reveal(), connections: 1,
                applicationName: context.configuration.service.rawValue),
            name: "start", logger: context.logger, metrics: MetricsRegistry())
        do {
            try await wait(for: pool, context)
        } catch {
            await pool.shutdown()
            throw error
        }
        await pool.shutdown()
        passed.value.store(true, ordering: .relaxed)
    }

    private static func wait(for pool: ConnectionPool, _ context: ServiceContext) async throws {
        var told: (reason: String, looks: Int)?
        while true {
            switch try await look(pool, context.configuration) {
            case .open: return
            case .refused(let problems): throw ConfigurationError(problems)
            case .waiting(let reason):
                if told.map({ $0.reason != reason || $0.looks == silence }) ?? true {
                    context.logger.warning("waiting for the database", ["reason": .string(reason)])
                    told = (reason, 0)
                }
                told?.looks += 1
            }
            try await ContinuousClock().sleep(for: pause)
        }
    }

    private enum Look {
        case open
        case waiting(String)
        case refused([String])
    }

    private static func look(_ pool: ConnectionPool, _ configuration: Configuration) async throws -> Look {
        do throws(DatabaseError) {
            switch try await Schema.fit(pool) {
            case .fits: break
            case .behind(let reason): return .waiting(reason)
            case .ahead(let reason): return .refused([reason])
            }
            if let growth = try await PartitionGrowth.unfinished(pool) {
                return .refused([
                    "partitions are growing to \(growth.to.events) of events and \(growth.to.lanes) of lanes, and that did not "
                        + "end: run `\(growth.command)` again"
                ])
            }
            // Kafka's topics say themselves how many they have, and are asked when their clients start.
            guard configuration[Settings.backboneKind] == .postgres else { return .open }
            let (events, lanes) = (configuration[Settings.eventsPartitions], configuration[Settings.lanesPartitions])
            let fixed = try await PartitionCounts.fixed(pool, events: events, lanes: lanes)
            let problems =
                refusal(Settings.eventsPartitions, events, fixed.events)
                + refusal(Settings.lanesPartitions, lanes, fixed.lanes)
            return problems.isEmpty ? .open : .refused(problems)
        } catch {
            switch error.code {
            case .configuration: return .refused(["postgres.dsn: \(error.message)"])
            case .cancelled, .closed: throw error
            default: return .waiting("\(error)")
            }
        }
    }

    private static func refusal(_ setting: Setting<Int>, _ wanted: Int, _ fixed: Int) -> [String] {
        guard wanted != fixed else { return [] }
        let name = setting.declaration.name
        let other = wanted > fixed ? "or let them grow first, by `fanfare partitions grow`" : "they never get fewer"
        return ["\(name) is \(wanted), and this installation has \(fixed): set \(name) to \(fixed), \(other)"]
    }
}

private final class Passed: Sendable {
    let value = Atomic(false)
}
