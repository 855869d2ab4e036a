internal import Backbone
internal import Observability

/// Metrics of the way from a door to the log.
struct AppendInstruments: Sendable {
    private let stored: Counter
    private let duplicates: Counter
    private let refused: Counter
    private let unknown: Counter
    private let failures: Counter
    private let overflows: Counter
    private let seconds: Histogram
    private let batch: Histogram
    private let accept: Histogram

    init(_ registry: MetricsRegistry) {
        let name = "fanfare_ingest_events_total"
        let help = "Events by what became of them at ingest."
        stored = registry.counter(name, help, labels: [("result", "stored")])
        duplicates = registry.counter(name, help, labels: [("result", "duplicate")])
        refused = registry.counter(name, help, labels: [("result", "not_storable")])
        unknown = registry.counter(name, help, labels: [("result", "unknown")])
        failures = registry.counter(name, help, labels: [("result", "unavailable")])
        overflows = registry.counter(
            "fanfare_ingest_overloaded_total", "Requests refused because too many events were waiting.")
        seconds = registry.histogram(
            "fanfare_ingest_append_seconds", "One append to the event log.",
            buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5])
        accept = registry.histogram(
            "fanfare_accept_seconds", "From a request's being verified to the log's acknowledgement of its events.",
            buckets: Histogram.latencyBuckets)
        batch = registry.histogram(
            "fanfare_ingest_append_events", "Events of one append.",
            buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000])
    }

    func appended(_ receipts: [AppendReceipt], took: Duration) {
        seconds.observe(took / .seconds(1))
        batch.observe(Double(receipts.count))
        var duplicateCount = 0
        var refusedCount = 0
        var unknownCount = 0
        for receipt in receipts {
            switch receipt {
            case .stored(_, let isDuplicate): duplicateCount += isDuplicate ? 1 : 0
            case .refused: refusedCount += 1
            case .unknown: unknownCount += 1
            }
        }
        stored.increment(by: receipts.count - duplicateCount - refusedCount - unknownCount)
        duplicates.increment(by: duplicateCount)
        refused.increment(by: refusedCount)
        unknown.increment(by: unknownCount)
    }

    /// What waits to be appended, and the bounds of that.
    func observeQueue(
        _ registry: MetricsRegistry, limits: AppendQueue.Limits, waiting: @escaping @Sendable () -> (Int, Int)
    ) {
        registry.observedGauge("fanfare_ingest_waiting_events", "Events that wait to be appended.") {
            Double(waiting().0)
        }
        registry.observedGauge("fanfare_ingest_waiting_bytes", "Bytes of events that wait to be appended.") {
            Double(waiting().1)
        }
        registry.gauge("fanfare_ingest_waiting_events_limit", "Beyond so many waiting events requests get 503.").set(
            Double(limits.events))
        registry.gauge("fanfare_ingest_waiting_bytes_limit", "Beyond so many waiting bytes requests get 503.").set(
            Double(limits.bytes))
    }

    func accepted(_ submission: Submission, at now: ContinuousClock.Instant) {
        accept.observe(submission.since.duration(to: now) / .seconds(1), count: submission.events.count)
    }

    func failed(_ events: Int) {
        failures.increment(by: events)
    }

    func overflowed() {
        overflows.increment()
    }
}
