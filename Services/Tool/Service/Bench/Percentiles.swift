/// Durations of one kind, in microseconds.
struct LatencySample: Sendable, Hashable {
    private(set) var microseconds: [Int64] = []

    init(reserving count: Int = 0) { microseconds.reserveCapacity(count) }

    mutating func add(_ value: Int64) { microseconds.append(value) }

    /// What a report says of them.
    var summary: LatencySummary? {
        guard !microseconds.isEmpty else { return nil }
        let sorted = microseconds.sorted()
        return LatencySummary(
            p50: Self.percentile(0.5, of: sorted), p99: Self.percentile(0.99, of: sorted),
            p999: Self.percentile(0.999, of: sorted), maximum: sorted[sorted.count - 1])
    }

    /// The nearest rank: the smallest value that at least this share of all does not exceed.
    ///
    /// - Parameter sorted: not empty.
    static func percentile(_ share: Double, of sorted: [Int64]) -> Int64 {
        let rank = Int((share * Double(sorted.count)).rounded(.up))
        return sorted[min(sorted.count, max(1, rank)) - 1]
    }
}

/// In microseconds.
struct LatencySummary: Sendable, Hashable {
    var p50: Int64
    var p99: Int64
    var p999: Int64
    var maximum: Int64
}
