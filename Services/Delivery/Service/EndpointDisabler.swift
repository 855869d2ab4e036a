internal import EventModel
internal import Observability
internal import Store

/// Disables endpoints that answered 410 Gone. Away from the sending: a POST never waits for Postgres.
struct EndpointDisabler: Sendable {
    private let store: EndpointStateStore
    private let clock: any WallClock
    private let disabled: Counter
    private let logger: Logger
    private let stream: AsyncStream<EndpointID>
    private let continuation: AsyncStream<EndpointID>.Continuation

    init(store: EndpointStateStore, clock: any WallClock, logger: Logger, metrics: MetricsRegistry) {
        self.store = store
        self.clock = clock
        disabled = EndpointInstruments.disabled(metrics, reason: "gone")
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

    func run() async {
        for await endpoint in stream {
            do {
                guard try await store.disable(endpoint, reason: "gone", now: clock.now()) else { continue }
                disabled.increment()
                logger.info("endpoint-disabled", ["webhook": .describing(endpoint), "reason": "gone"])
            } catch {
                logger.warning(
                    "endpoint-not-disabled", ["webhook": .describing(endpoint), "error": .describing(error)])
            }
        }
    }
}
