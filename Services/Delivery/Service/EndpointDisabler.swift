internal import Database
internal import EventModel
internal import Observability

/// Disables endpoints that answered 410 Gone. Away from the sending: a POST never waits for Postgres.
struct EndpointDisabler: Sendable {
    private let pool: ConnectionPool
    private let logger: Logger
    private let stream: AsyncStream<EndpointID>
    private let continuation: AsyncStream<EndpointID>.Continuation

    init(pool: ConnectionPool, logger: Logger) {
        self.pool = pool
        self.logger = logger
        // Every further delivery to such an endpoint brings it here again: one that is dropped is not lost.
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1_000))
    }

    func add(_ endpoint: EndpointID) {
        continuation.yield(endpoint)
    }

    func close() {
        continuation.finish()
    }

    private static let disable = Statement("disable_webhook", "select fanfare.disable_webhook_v1($1, $2)")

    func run() async {
        for await endpoint in stream {
            var parameters = Parameters()
            parameters.add(endpoint.description)
            parameters.add("gone")
            do {
                _ = try await pool.execute(Self.disable, parameters)
                logger.info("endpoint-disabled", ["webhook": .describing(endpoint), "reason": "gone"])
            } catch {
                logger.warning(
                    "endpoint-not-disabled", ["webhook": .describing(endpoint), "error": .describing(error)])
            }
        }
    }
}
