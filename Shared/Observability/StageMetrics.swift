/// A stretch of the way of an event: what lags, and who owns its partitions, has one of these as its label.
public enum PipelineStage: String, Sendable, CaseIterable {
    /// From the log to the feed (Kafka; on Postgres the log is the feed).
    case store
    /// From the feed to the delivery lanes.
    case fanOut = "fan-out"
    /// From the lanes to the endpoints.
    case deliver
    /// Attempts that are due again.
    case retry
    /// From the topic `audit` to the audit's tables (Kafka).
    case project
}

/// How far one partition of a stage is behind.
public struct PartitionLag: Sendable, Equatable {
    public var partition: Int
    /// Records that wait or are under way.
    public var records: Int
    /// Age of the oldest of them; 0 where nothing waits.
    public var seconds: Double

    public init(partition: Int, records: Int, seconds: Double) {
        self.partition = partition
        self.records = max(0, records)
        self.seconds = records > 0 ? max(0, seconds) : 0
    }
}

extension MetricsRegistry {
    /// Tells the lag of a stage's partitions. Whoever owns a partition tells it, or whoever can see it; the greatest of
    /// several figures for one partition is the right one.
    ///
    /// - Parameter read: the partitions that this process knows of.
    public func observedLag(of stage: PipelineStage, read: @escaping @Sendable () -> [PartitionLag]) {
        observedSeries(
            "fanfare_lag_records", "Records that a stage has not finished, by partition.", source: stage.rawValue
        ) {
            read().map { lag in MetricSample(labels: Self.labels(stage, lag.partition), Double(lag.records)) }
        }
        observedSeries(
            "fanfare_lag_seconds", "Age of the oldest record that a stage has not finished, by partition.",
            source: stage.rawValue
        ) {
            read().map { lag in MetricSample(labels: Self.labels(stage, lag.partition), lag.seconds) }
        }
    }

    private static func labels(_ stage: PipelineStage, _ partition: Int) -> [(String, String)] {
        [("stage", stage.rawValue), ("partition", String(partition))]
    }
}

/// What a process owns of a stage's partitions.
public struct OwnershipMetrics: Sendable {
    private let taken: Counter
    private let left: Counter
    private let lost: Counter

    /// - Parameters:
    ///   - partitions: How many the stage has.
    ///   - owned: How many of them are this process's; called when the metrics are read.
    public init(
        _ registry: MetricsRegistry, stage: PipelineStage, partitions: Int, owned: @escaping @Sendable () -> Int
    ) {
        let labels = [("stage", stage.rawValue)]
        registry.observedGauge("fanfare_partitions", "Partitions of a stage, whoever owns them.", labels: labels) {
            Double(partitions)
        }
        registry.observedGauge(
            "fanfare_partitions_owned", "Partitions of a stage that this process owns.", labels: labels
        ) { Double(owned()) }
        let name = "fanfare_ownership_changes_total"
        let help = "Partitions taken, given back when asked, and lost to another or to a lease that ran out."
        taken = registry.counter(name, help, labels: labels + [("change", "taken")])
        left = registry.counter(name, help, labels: labels + [("change", "left")])
        lost = registry.counter(name, help, labels: labels + [("change", "lost")])
    }

    public func took(_ count: Int) { taken.increment(by: count) }
    public func gaveBack(_ count: Int) { left.increment(by: count) }
    public func lost(_ count: Int) { lost.increment(by: count) }
}
