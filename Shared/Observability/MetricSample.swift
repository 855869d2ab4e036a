/// What a metric is to Prometheus.
public enum MetricKind: String, Sendable { case counter, gauge, histogram }

/// One value of a family whose series come and go.
public struct MetricSample: Sendable {
    public var labels: [(String, String)]
    public var value: Double

    public init(labels: [(String, String)], _ value: Double) {
        self.labels = labels
        self.value = value
    }
}
