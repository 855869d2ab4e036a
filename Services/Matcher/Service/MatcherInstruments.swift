internal import Observability

/// The matcher's metrics.
struct MatcherInstruments: Sendable {
    private let events: Counter
    private let deliveries: Counter
    private let seconds: Histogram

    init(_ registry: MetricsRegistry) {
        events = registry.counter("fanfare_matcher_events_total", "Rows of the feed that were matched.")
        deliveries = registry.counter("fanfare_matcher_deliveries_total", "Deliveries that matching asked for.")
        seconds = registry.histogram(
            "fanfare_matcher_match_seconds", "Matching one batch.",
            buckets: [0.000_01, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1])
    }

    func matched(_ rows: Int, _ found: Int, took: Duration) {
        events.increment(by: rows)
        deliveries.increment(by: found)
        seconds.observe(took / .seconds(1))
    }
}
