public import Database
public import Observability
internal import Synchronization

/// Looks at the store every few seconds and tells what only the database knows: how far stages are behind, whoever owns
/// them or not, how large and how old tables are, who waits for a lock.
///
/// Every matcher runs one; they tell the same. A look takes a few milliseconds and reads a bounded number of rows.
///
/// ```swift
/// let watch = StoreWatch(pool, backbone: .postgres, retention: retention, logger: logger, metrics: registry)
/// await watch.run()   // until cancelled
/// ```
public final class StoreWatch: Sendable {
    /// Where positions are that lag is counted from.
    public enum Backbone: Sendable {
        /// Feed and lanes are in the database: their lag is told from there.
        case postgres
        /// Consumers tell their own.
        case kafka
    }

    /// Time between two looks.
    public static let interval: Duration = .seconds(5)
    /// Sizes ask the file system for each file; every so many looks.
    private static let sizeEvery = 12
    static let statementTimeout: Duration = .seconds(3)

    private struct State {
        var lag: [PipelineStage: [PartitionLag]] = [:]
        var tables: [StoreFacts.Table] = []
    }

    private let executor: any StatementExecutor
    private let backbone: Backbone
    private let logger: LimitedLogger
    private let state = Mutex(State())
    private let instruments: StoreInstruments

    /// - Parameter capacity: Bytes that the database may take; 0 where nobody said.
    public init(
        _ executor: any StatementExecutor, backbone: Backbone, retention: Maintenance.Retention, capacity: Int = 0,
        logger: Logger, metrics: MetricsRegistry
    ) {
        self.executor = executor
        self.backbone = backbone
        self.logger = logger.limited()
        instruments = StoreInstruments(metrics, retention: retention, capacity: capacity)
        if backbone == .postgres {
            for stage in [PipelineStage.fanOut, .deliver, .retry] {
                metrics.observedLag(of: stage) { [weak self] in self?.state.withLock { $0.lag[stage] } ?? [] }
            }
        }
        func observeTables(_ name: String, _ help: String, _ value: @escaping @Sendable (StoreFacts.Table) -> Double?) {
            metrics.observedSeries(name, help, source: "store-watch") { [weak self] in
                (self?.state.withLock(\.tables) ?? []).compactMap { table in
                    value(table).map { MetricSample(labels: [("table", table.name)], $0) }
                }
            }
        }
        observeTables("fanfare_store_bytes", "Bytes of a table with its indexes and partitions.") { $0.bytes }
        observeTables("fanfare_store_rows", "Rows of a table, as the database's statistics estimate them.") { $0.rows }
        observeTables(
            "fanfare_store_dead_rows", "Rows that no vacuum has taken away yet, as statistics estimate them."
        ) { $0.deadRows }
    }

    /// Looks until the task is cancelled.
    public func run() async {
        var round = 0
        while !Task.isCancelled {
            let looksAtSizes = round % Self.sizeEvery == 0
            do {
                try await look(atSizes: looksAtSizes)
                round += 1
            } catch {
                if Task.isCancelled { return }
                instruments.failures.increment()
                logger.warning("store not watched", ["reason": .describing(error)])
            }
            do {
                try await ContinuousClock().sleep(for: Self.interval)
            } catch {
                return
            }
        }
    }

    /// One look.
    public func look(atSizes: Bool = true) async throws {
        let backbone = backbone
        let facts = try await executor.perform(timeout: Self.statementTimeout) { connection in
            try StoreFacts(connection, backbone: backbone, looksAtSizes: atSizes)
        }
        instruments.update(facts)
        state.withLock { state in
            state.lag = facts.lag
            if let tables = facts.tables { state.tables = tables }
        }
    }
}
