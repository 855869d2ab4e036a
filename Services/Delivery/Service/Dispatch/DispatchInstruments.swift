internal import Backbone
internal import EventModel
internal import Observability

/// The dispatcher's metrics; made once and held.
struct DispatchInstruments: Sendable {
    private let delivered: Counter
    private let failed: [String: Counter]
    private let otherFailure: Counter
    private let dead: Counter
    private let abandonedStarts: Counter
    private let duration: Histogram
    private let endToEnd: Histogram

    private static let failureClasses = [
        "dns", "refused_by_policy", "connect", "tls", "timeout_connect", "timeout", "reset", "too_large", "protocol",
        "cancelled", "http_1xx", "http_3xx", "http_4xx", "http_5xx",
    ]

    init(_ registry: MetricsRegistry) {
        let name = "fanfare_delivery_attempts_total"
        let help = "Attempts by outcome: success, or the class of the failure."
        delivered = registry.counter(name, help, labels: [("outcome", "success")])
        failed = Dictionary(
            uniqueKeysWithValues: Self.failureClasses.map {
                ($0, registry.counter(name, help, labels: [("outcome", $0)]))
            })
        otherFailure = registry.counter(name, help, labels: [("outcome", "other")])
        dead = registry.counter("fanfare_dead_letters_total", "Deliveries that ended as dead letters.")
        abandonedStarts = registry.counter(
            "fanfare_delivery_abandoned_total", "Attempts that did not start because the lane was no longer ours.")
        duration = registry.histogram(
            "fanfare_delivery_attempt_seconds", "From the start of an attempt to its end.",
            buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30])
        endToEnd = registry.histogram(
            "fanfare_delivery_end_to_end_seconds", "From the event's place on the feed to the 2xx of a first attempt.",
            buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600])
    }

    func ended(_ result: AttemptResult, record: LaneRecord, outcome: LaneOutcome, at now: Timestamp) {
        if let total = result.total { duration.observe(Double(total) / 1_000_000) }
        if let failure = result.errorClass {
            (failed[failure] ?? otherFailure).increment()
        } else {
            delivered.increment()
            if record.attempt == 1, record.cause == .live {
                endToEnd.observe(Double(now.microseconds(since: record.recordedAt)) / 1_000_000)
            }
        }
        if case .dead = outcome.next { dead.increment() }
    }

    func abandoned() {
        abandonedStarts.increment()
    }
}
