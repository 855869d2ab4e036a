internal import Observability

/// The metrics of endpoints' states.
enum EndpointInstruments {
    static func disabled(_ registry: MetricsRegistry, reason: String) -> Counter {
        registry.counter(
            "fanfare_endpoints_disabled_total", "Endpoints that were disabled: gone (410), or failing for too long.",
            labels: [("reason", reason)])
    }
}
