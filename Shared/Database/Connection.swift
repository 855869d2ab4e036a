public import Observability

/// One connection on a named thread of its own, for asynchronous callers; statements run in the order of the calls.
///
/// At most `maximumWaiting` calls queue; one more is refused with `.exhausted`. A cancelled task's statement is cancelled
/// at the server. Ends with `shutdown()`, or when the last reference goes.
public final class Connection: StatementExecutor {
    private let pool: ConnectionPool

    /// - Parameter name: of the thread (`pg-<name>`) and in the metrics.
    public init(_ configuration: DatabaseConfiguration, name: String, logger: Logger, metrics: MetricsRegistry) {
        var configuration = configuration
        configuration.connections = 1
        pool = ConnectionPool(configuration, name: name, logger: logger, metrics: metrics)
    }

    public var isConnected: Bool { pool.isHealthy }

    @discardableResult
    public func execute(
        _ statement: Statement, _ parameters: Parameters, timeout: Duration?
    ) async throws(DatabaseError) -> Rows {
        try await pool.execute(statement, parameters, timeout: timeout)
    }

    @discardableResult
    public func perform<Value: Sendable>(
        timeout: Duration?, _ work: @escaping @Sendable (BlockingConnection) throws -> Value
    ) async throws -> Value {
        try await pool.perform(timeout: timeout, work)
    }

    /// Lives until the task is cancelled, then shuts down.
    public func run() async {
        await pool.run()
    }

    /// Takes no more calls, finishes those it has and closes.
    public func shutdown() async {
        await pool.shutdown()
    }
}
