internal import Observability

/// What the sender counts; one of these a process, shared by its threads.
struct SenderMetrics: Sendable {
    private let statuses: [Counter]
    private let failures: [ExchangeResult.FailureClass: Counter]
    let connectionsOpened: Counter
    let connectionsOpen: Gauge
    let inFlight: Gauge

    init(_ registry: MetricsRegistry) {
        func counter(_ outcome: String) -> Counter {
            registry.counter(
                "fanfare_egress_exchanges_total", "Ended exchanges, by status or class of failure.",
                labels: [("outcome", outcome)])
        }
        statuses = (1...6).map { $0 < 6 ? counter("\($0)xx") : counter("other") }
        failures = Dictionary(
            uniqueKeysWithValues: ExchangeResult.FailureClass.allCases.map { ($0, counter($0.rawValue)) })
        connectionsOpened = registry.counter(
            "fanfare_egress_connections_opened_total", "Connections that were begun.")
        connectionsOpen = registry.gauge("fanfare_egress_connections", "Open connections, idle ones included.")
        inFlight = registry.gauge("fanfare_egress_in_flight", "Exchanges that have begun and not ended.")
    }

    func count(_ outcome: ExchangeResult.Outcome) {
        switch outcome {
        case .status(let status): statuses[(100..<600).contains(status) ? status / 100 - 1 : 5].increment()
        case .failure(let failure): failures[failure]?.increment()
        }
    }
}
