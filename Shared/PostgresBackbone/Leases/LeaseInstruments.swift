internal import Observability
internal import Store
internal import Synchronization

/// What a `LeaseKeeper` counts.
final class LeaseInstruments: Sendable {
    private let ownership: OwnershipMetrics
    private let renewals: Counter
    private let failures: Counter
    /// Parts that the last renewal gave, with their epochs.
    private let held = Mutex<[Int: Int64]>([:])

    init(_ registry: MetricsRegistry, topic: String, parts: Int, view: LeaseView) {
        let stage: PipelineStage = topic == Topic.events ? .fanOut : .deliver
        ownership = OwnershipMetrics(registry, stage: stage, partitions: parts) { view.heldCount() }
        let labels = [("stage", stage.rawValue)]
        let name = "fanfare_lease_renewals_total"
        let help = "Renewals of the lease on a stage's partitions, by result."
        renewals = registry.counter(name, help, labels: labels + [("result", "renewed")])
        failures = registry.counter(name, help, labels: labels + [("result", "failed")])
        registry.observedGauge(
            "fanfare_lease_seconds", "How long this process may still act for its partitions; below 0 it may not.",
            labels: labels
        ) {
            guard let left = view.timeLeft() else { return 0 }
            return left / .seconds(1)
        }
    }

    /// - Parameter gaveBack: What was released with this renewal; nil: everything.
    func renewed(_ now: [LeaseStatement.Held], gaveBack: Set<Int>?) {
        renewals.increment()
        let epochs = Dictionary(now.map { ($0.position.part, $0.position.epoch) }) { first, _ in first }
        let before = held.withLock { held in
            defer { held = epochs }
            return held
        }
        let gone = before.filter { epochs[$0.key] != $0.value }.keys
        let released = gone.count { gaveBack?.contains($0) ?? true }
        ownership.took(epochs.count { before[$0.key] != $0.value })
        ownership.gaveBack(released)
        ownership.lost(gone.count - released)
    }

    func notRenewed() { failures.increment() }
}
