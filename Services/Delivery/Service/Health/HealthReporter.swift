internal import EventModel
internal import Observability
internal import Store

/// Writes what the worker knows of its endpoints, every few seconds and all at once. Away from the sending: a POST never waits
/// for Postgres.
struct HealthReporter: Sendable {
    let book: HealthBook
    let dispatcher: Dispatcher
    let store: EndpointStateStore
    let policy: EndpointPolicy
    let clock: any WallClock
    let disabled: Counter
    let logger: Logger

    /// Between two turns.
    private static let interval: Duration = .seconds(2)

    /// Works until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            await report()
            // An error means that the task is cancelled: the end either way.
            try? await Task.sleep(for: Self.interval)
        }
    }

    /// One turn.
    func report() async {
        let now = clock.now()
        let notes = book.due(at: now, standing: dispatcher.standings)
        guard !notes.isEmpty else { return }
        do {
            for endpoint in try await store.record(notes, now: now, policy: policy) {
                disabled.increment()
                logger.info("endpoint-disabled", ["webhook": .describing(endpoint), "reason": "failing"])
            }
        } catch {
            book.restore(notes)
            logger.warning("endpoints-not-noted", ["count": .int(notes.count), "error": .describing(error)])
        }
    }
}
