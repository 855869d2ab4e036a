internal import Backbone
internal import Crypto
internal import EventCodec
internal import EventModel
internal import Observability
internal import Store

/// Puts what is to be told of endpoints on the feed: `endpoint.disabled`, `endpoint.recovered`, `endpoint.dead_lettered`. Never
/// to the endpoint that it speaks of. Several processes may do it at once: the number is the event's key.
struct EndpointEventTeller: Sendable {
    let events: EndpointEventStore
    let log: any EventLog
    let logger: LimitedLogger

    /// Between two looks.
    private static let interval: Duration = .seconds(1)
    private static let batch = 100

    /// Works until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            do {
                while try await tell() == Self.batch {}
            } catch {
                logger.warning("endpoint-events-not-told", ["reason": .describing(error)])
            }
            // An error means that the task is cancelled: the end either way.
            try? await Task.sleep(for: Self.interval)
        }
    }

    /// One batch.
    ///
    /// - Returns: how many there were.
    @discardableResult
    func tell() async throws -> Int {
        let waiting = try await events.waiting(limit: Self.batch)
        guard !waiting.isEmpty else { return 0 }
        let receipts = try await log.append(waiting.compactMap(Self.event))
        // One whose outcome is not known is told again under its key; what the store refuses it will refuse for ever.
        guard !receipts.contains(.unknown) else { return 0 }
        try await events.told(waiting)
        return waiting.count
    }

    static func event(_ told: EndpointEvent) -> NewEvent? {
        guard let type = EventType(told.type) else { return nil }
        let digest = SHA256.hash(
            DedupeKey.material(tenant: told.tenant, door: "endpoint", key: String(told.number), index: nil)
        ).prefix
        let key = DedupeKey(high: digest.high, low: digest.low)
        let id = EventIDMaker.keyed(key, at: told.madeAt)
        return NewEvent(
            id: id, tenant: told.tenant, type: told.type, smithID: nil, createdAt: told.madeAt, dedupeKey: key.bytes,
            exceptEndpoint: told.endpoint,
            envelope: EnvelopeWriter.write(
                id: id, type: type, createdAt: told.madeAt, tenant: told.tenant, smith: nil, data: told.data))
    }
}
