internal import Backbone
internal import EventModel
internal import Observability

/// The dispatcher's metrics; made once and held.
struct DispatchInstruments: Sendable {
    /// By class of failure; `delivered` has none.
    private let retried: [String: Counter]
    private let dead: [String: Counter]
    private let delivered: Counter
    private let deadLetters: Counter
    private let abandonedStarts: Counter
    private let openedBreakers: Counter
    private let closedBreakers: Counter
    private let queued: Histogram
    private let duration: Histogram
    private let endToEnd: Histogram

    private static let failureClasses = [
        "dns", "refused_by_policy", "secret_unavailable", "connect", "tls", "timeout_connect", "timeout", "reset",
        "too_large", "protocol", "cancelled", "http_1xx", "http_3xx", "http_4xx", "http_5xx", otherClass,
    ]
    private static let otherClass = "other"
    private static let seconds: [Double] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

    init(_ registry: MetricsRegistry) {
        func attempts(_ outcome: String, _ failure: String) -> Counter {
            registry.counter(
                "fanfare_delivery_attempts_total",
                "Attempts by what became of their delivery, and by class of failure (none where it was delivered).",
                labels: [("outcome", outcome), ("class", failure)])
        }
        func failures(_ outcome: String) -> [String: Counter] {
            Dictionary(uniqueKeysWithValues: Self.failureClasses.map { ($0, attempts(outcome, $0)) })
        }
        delivered = attempts("delivered", "none")
        retried = failures("retrying")
        dead = failures("dead")
        deadLetters = registry.counter("fanfare_dead_letters_total", "Deliveries that ended as dead letters.")
        abandonedStarts = registry.counter(
            "fanfare_delivery_abandoned_total", "Attempts that did not start because the lane was no longer ours.")
        let changes = "Breakers of endpoints that opened and closed."
        openedBreakers = registry.counter(
            "fanfare_delivery_breaker_changes_total", changes, labels: [("to", "open")])
        closedBreakers = registry.counter(
            "fanfare_delivery_breaker_changes_total", changes, labels: [("to", "closed")])
        queued = registry.histogram(
            "fanfare_delivery_queue_seconds",
            "From a live delivery's place in the lanes to the start of its first attempt.", buckets: Self.seconds)
        duration = registry.histogram(
            "fanfare_delivery_attempt_seconds", "From the start of an attempt to its end.", buckets: Self.seconds)
        endToEnd = registry.histogram(
            "fanfare_delivery_end_to_end_seconds",
            "From an event's acceptance to the 2xx of a live delivery's first attempt.",
            buckets: Self.seconds + [60, 300, 3_600])
    }

    func started(_ attempts: [PendingAttempt], at now: Timestamp) {
        for attempt in attempts where attempt.record.attempt == 1 && attempt.record.cause == .live {
            queued.observe(Self.seconds(from: attempt.record.firstDueAt, to: now))
        }
    }

    func ended(_ result: AttemptResult, record: LaneRecord, outcome: LaneOutcome, at now: Timestamp) {
        if let total = result.total { duration.observe(Double(total) / 1_000_000) }
        var isDead = false
        if case .dead = outcome.next { isDead = true }
        if isDead { deadLetters.increment() }
        guard let failure = result.errorClass else {
            delivered.increment()
            if record.attempt == 1, record.cause == .live {
                endToEnd.observe(Self.seconds(from: record.acceptedAt ?? record.recordedAt, to: now))
            }
            return
        }
        let counters = isDead ? dead : retried
        (counters[failure] ?? counters[Self.otherClass])?.increment()
    }

    func abandoned() { abandonedStarts.increment() }

    func breakerChanged(isOpen: Bool) { (isOpen ? openedBreakers : closedBreakers).increment() }

    private static func seconds(from: Timestamp, to: Timestamp) -> Double {
        max(0, Double(to.microseconds(since: from)) / 1_000_000)
    }
}
