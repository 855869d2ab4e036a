internal import Backbone
internal import EventModel
internal import Synchronization

extension Dispatcher {
    /// How endpoints stand.
    func standings(of endpoints: [EndpointID]) -> [EndpointID: HealthBook.Standing] {
        guard !endpoints.isEmpty else { return [:] }
        return state.withLock { state in
            var standings: [EndpointID: HealthBook.Standing] = [:]
            for endpoint in endpoints {
                guard let queue = state.queue(of: endpoint) else { continue }
                standings[endpoint] = HealthBook.Standing(
                    inFlight: queue.inFlight, waiting: queue.waitingCount, openSince: queue.breaker.openSince,
                    nextProbe: queue.breaker.nextProbe, oldest: queue.oldestWaiting)
            }
            for flight in state.flights.values {
                guard let oldest = standings[flight.record.endpoint]?.oldest else {
                    standings[flight.record.endpoint]?.oldest = flight.record.recordedAt
                    continue
                }
                standings[flight.record.endpoint]?.oldest = min(oldest, flight.record.recordedAt)
            }
            return standings
        }
    }
}
