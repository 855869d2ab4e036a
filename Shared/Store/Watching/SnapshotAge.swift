internal import Observability
internal import Synchronization

/// When a snapshot of the configuration was last known to be what the store has.
final class SnapshotAge: Sendable {
    private let confirmed = Mutex<ContinuousClock.Instant?>(nil)

    /// It was, when the question was sent.
    func confirm(at asked: ContinuousClock.Instant) { confirmed.withLock { $0 = max($0 ?? asked, asked) } }

    /// Tells it under `snapshot`, a word of a closed set. Before the first load the age is infinite.
    func tell(_ metrics: MetricsRegistry, snapshot: String) {
        metrics.observedGauge(
            "fanfare_configuration_age_seconds",
            "Seconds since a snapshot in memory was known to be what the store has; infinite before the first.",
            labels: [("snapshot", snapshot)]
        ) { [weak self] in
            guard let confirmed = self?.confirmed.withLock(\.self) else { return .infinity }
            return confirmed.duration(to: .now) / .seconds(1)
        }
    }
}
