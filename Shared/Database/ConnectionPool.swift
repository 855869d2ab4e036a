public import Observability

/// A fixed number of connections, each with its thread, that share one queue: an idle one takes the next call.
///
/// At most `maximumWaiting` calls queue; one more is refused with `.exhausted`. While the database is away calls fail
/// with `.connection`, at once between two attempts to reconnect. A cancelled task's statement is cancelled at the
/// server. The threads end with `run()` or `shutdown()`, or when the last reference goes.
///
/// ```swift
/// let pool = ConnectionPool(configuration, name: "feed", logger: logger, metrics: registry)
/// let rows = try await pool.execute(page, parameters)
/// ```
public final class ConnectionPool: StatementExecutor {
    public let configuration: DatabaseConfiguration
    private let queue: WorkQueue
    private let health = PoolHealth()
    private let ended: Latch
    private let stop = Latch()

    /// Starts the threads, which connect at once.
    ///
    /// - Parameter name: of the threads (`pg-<name>-<n>`, cut to 15 bytes) and in the metrics.
    public init(
        _ configuration: DatabaseConfiguration, name: String, logger: Logger, metrics registry: MetricsRegistry
    ) {
        precondition((1...200).contains(configuration.connections), "a pool has 1 to 200 connections")
        precondition(configuration.maximumWaiting >= 0, "a queue has no negative length")
        self.configuration = configuration
        queue = WorkQueue(maximumWaiting: configuration.maximumWaiting)
        ended = Latch(configuration.connections)
        let metrics = DatabaseMetrics(registry, pool: name)
        metrics.waiting(pool: name) { [weak queue] in Double(queue?.waiting ?? 0) }
        let worker = Worker(
            queue: queue, configuration: configuration, logger: logger.with(["pool": .string(name)]),
            metrics: metrics, health: health)
        for number in 0..<configuration.connections { worker.start("pg-\(name)-\(number)", ended: ended) }
    }

    deinit { queue.close() }

    /// At least one connection stands. A loss is noticed within two seconds, or by the next call.
    public var isHealthy: Bool { health.connected > 0 }

    /// How many connections stand.
    public var connectedCount: Int { health.connected }

    @discardableResult
    public func execute(
        _ statement: Statement, _ parameters: Parameters, timeout: Duration?
    ) async throws(DatabaseError) -> Rows {
        try await queue.execute(statement, parameters, timeout: timeout)
    }

    @discardableResult
    public func perform<Value: Sendable>(
        timeout: Duration?, _ work: @escaping @Sendable (BlockingConnection) throws -> Value
    ) async throws -> Value {
        try await queue.perform(timeout: timeout, work)
    }

    /// Keeps one connection for `body`. For management work: a connection is missing elsewhere meanwhile.
    ///
    /// If it is lost, all further calls of this session fail. What is open at the end is rolled back.
    @discardableResult
    public func withConnection<Value>(_ body: (Session) async throws -> Value) async throws -> Value {
        let session = try await lease()
        defer { session.close() }
        return try await body(session)
    }

    /// Runs `body` between BEGIN and COMMIT; what it throws rolls back. The server ends a transaction that pauses for
    /// longer than `idleInTransactionTimeout`.
    ///
    /// `perform { try $0.transaction { … } }` does the same with one thread hop for all statements.
    @discardableResult
    public func transaction<Value>(_ body: (Session) async throws -> Value) async throws -> Value {
        try await withConnection { session in
            try await session.perform { try $0.begin() }
            let value = try await body(session)
            try await session.perform { try $0.commit() }
            return value
        }
    }

    private func lease() async throws(DatabaseError) -> Session {
        // The thread that takes this job serves the session until it is closed.
        try await queue.lease().get()
    }

    /// Lives until the task is cancelled, then shuts down.
    public func run() async {
        await withTaskCancellationHandler {
            await stop.wait()
        } onCancel: {
            stop.countDown()
        }
        await shutdown()
    }

    /// Takes no more calls, finishes those it has (each has its time limit) and closes. May be called twice.
    public func shutdown() async {
        stop.countDown()
        queue.close()
        await ended.wait()
    }
}
