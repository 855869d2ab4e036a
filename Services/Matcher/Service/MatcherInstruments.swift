internal import Backbone
internal import EventModel
internal import Observability

/// The matcher's metrics.
struct MatcherInstruments: Sendable {
    private let events: Counter
    private let deliveries: Counter
    private let seconds: Histogram
    private let filters: Counter
    private let filtered: Counter
    private let unjudged: Counter
    private let fanOut: Histogram

    init(_ registry: MetricsRegistry) {
        events = registry.counter("fanfare_matcher_events_total", "Rows of the feed that were matched.")
        deliveries = registry.counter("fanfare_matcher_deliveries_total", "Deliveries that matching asked for.")
        filters = registry.counter("fanfare_matcher_filters_total", "Filters that were judged.")
        filtered = registry.counter("fanfare_matcher_filtered_total", "Deliveries that a filter kept back.")
        unjudged = registry.counter(
            "fanfare_matcher_filters_unjudged_total", "Filters that took too much work: the event was delivered.")
        fanOut = registry.histogram(
            "fanfare_fan_out_seconds", "From an event's place on the feed to its deliveries' places in the lanes.",
            buckets: Histogram.latencyBuckets)
        seconds = registry.histogram(
            "fanfare_matcher_match_seconds", "Matching one batch.",
            buckets: [0.000_01, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1])
    }

    func judged(_ count: Int, dropped: Int, _ unjudged: Int) {
        filters.increment(by: count)
        filtered.increment(by: dropped)
        self.unjudged.increment(by: unjudged)
    }

    /// Rows that one call stored share their time.
    func fannedOut(_ rows: [FeedRow], at now: Timestamp) {
        var start = 0
        while start < rows.count {
            var end = start + 1
            while end < rows.count, rows[end].recordedAt == rows[start].recordedAt { end += 1 }
            let seconds = Double(now.microseconds(since: rows[start].recordedAt)) / 1_000_000
            fanOut.observe(max(0, seconds), count: end - start)
            start = end
        }
    }

    func matched(_ rows: Int, _ found: Int, took: Duration) {
        events.increment(by: rows)
        deliveries.increment(by: found)
        seconds.observe(took / .seconds(1))
    }
}
