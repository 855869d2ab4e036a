internal import Backbone
internal import EventModel
internal import Observability
internal import Synchronization

extension Dispatcher {
    /// What the dispatcher's state says, read when the metrics are.
    struct Figures {
        var inFlight = 0
        var waiting = 0
        var openBreakers = 0
        var activeEndpoints = 0
        /// Those with the most to do, the busiest first.
        var busiest: [(endpoint: EndpointID, waiting: Int, inFlight: Int)] = []
        /// Some of those whose breaker is open.
        var broken: [EndpointID] = []
    }

    /// Endpoints that are named in the metrics.
    static let namedEndpoints = 10

    /// Tells the state. One walk over the endpoints that have something to do, without allocating for each.
    func tell(_ metrics: MetricsRegistry) {
        metrics.observedGauge("fanfare_delivery_in_flight", "POSTs under way.") { [weak self] in
            Double(self?.state.withLock(\.flights.count) ?? 0)
        }
        metrics.gauge("fanfare_delivery_in_flight_limit", "POSTs that this process has under way at most.").set(
            Double(policy.inFlight))
        metrics.observedGauge("fanfare_delivery_waiting", "Records in memory that wait for room to be sent.") {
            [weak self] in Double(self?.figures.waiting ?? 0)
        }
        metrics.observedGauge("fanfare_delivery_open_breakers", "Endpoints that get probes only.") { [weak self] in
            Double(self?.figures.openBreakers ?? 0)
        }
        metrics.observedGauge(
            "fanfare_delivery_active_endpoints", "Endpoints with something under way, waiting, or an open breaker."
        ) { [weak self] in Double(self?.figures.activeEndpoints ?? 0) }
        metrics.observedSeries(
            "fanfare_endpoint_waiting", "Records that wait for an endpoint, of the ten busiest.", source: "dispatcher"
        ) { [weak self] in
            (self?.figures.busiest ?? []).map { Self.sample($0.endpoint, $0.waiting) }
        }
        metrics.observedSeries(
            "fanfare_endpoint_in_flight", "POSTs under way to an endpoint, of the ten busiest.", source: "dispatcher"
        ) { [weak self] in
            (self?.figures.busiest ?? []).map { Self.sample($0.endpoint, $0.inFlight) }
        }
        metrics.observedSeries(
            "fanfare_endpoint_breaker_open", "1 for up to ten endpoints whose breaker is open.", source: "dispatcher"
        ) { [weak self] in
            (self?.figures.broken ?? []).map { Self.sample($0, 1) }
        }
    }

    private static func sample(_ endpoint: EndpointID, _ value: Int) -> MetricSample {
        MetricSample(labels: [("webhook", endpoint.description)], Double(value))
    }

    var figures: Figures {
        state.withLock { state in
            var figures = Figures()
            figures.inFlight = state.flights.count
            figures.activeEndpoints = state.queues.count + state.remembered.open.count
            figures.openBreakers = state.remembered.open.count
            figures.broken = Array(state.remembered.open.prefix(Self.namedEndpoints))
            for (endpoint, queue) in state.queues {
                figures.waiting += queue.waitingCount
                if queue.breaker.isOpen {
                    figures.openBreakers += 1
                    if figures.broken.count < Self.namedEndpoints { figures.broken.append(endpoint) }
                }
                figures.consider(endpoint, waiting: queue.waitingCount, inFlight: queue.inFlight)
            }
            return figures
        }
    }
}

extension Dispatcher.Figures {
    /// Puts the endpoint where it belongs among the busiest, if it does.
    fileprivate mutating func consider(_ endpoint: EndpointID, waiting: Int, inFlight: Int) {
        let load = waiting + inFlight
        guard load > 0 else { return }
        if busiest.count == Dispatcher.namedEndpoints {
            guard let last = busiest.last, load > last.waiting + last.inFlight else { return }
            busiest.removeLast()
        }
        let place = busiest.firstIndex { load > $0.waiting + $0.inFlight } ?? busiest.count
        busiest.insert((endpoint, waiting, inFlight), at: place)
    }
}
