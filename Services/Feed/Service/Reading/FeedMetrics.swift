internal import Observability

/// What the readers of the feed are counted by.
struct FeedMetrics: Sendable {
    let ringBytes: Gauge
    let streamed: Counter
    let stragglers: Counter
    let catchUps: Counter
    let pagesFromRing: Counter
    let pagesFromStore: Counter
    let tailed: Counter
    let lag: Gauge

    init(_ registry: MetricsRegistry) {
        ringBytes = registry.gauge("fanfare_feed_ring_bytes", "Bytes of the newest events that live readers share.")
        streamed = registry.counter("fanfare_feed_streamed_events_total", "Events pushed to streams.")
        stragglers = registry.counter(
            "fanfare_feed_stragglers_total", "Times a stream could not take an event at once and had to catch up.")
        catchUps = registry.counter(
            "fanfare_feed_catch_up_queries_total", "Queries for readers that are behind the ring.")
        let pages = "Pages of the feed, by where they came from."
        pagesFromRing = registry.counter("fanfare_feed_pages_total", pages, labels: [("source", "ring")])
        pagesFromStore = registry.counter("fanfare_feed_pages_total", pages, labels: [("source", "store")])
        tailed = registry.counter("fanfare_feed_tailed_events_total", "Events that the tailer read.")
        lag = registry.gauge("fanfare_feed_tail_lag_positions", "Positions between the tailer and the feed's head.")
    }
}
