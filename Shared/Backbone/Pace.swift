/// How long a reader lets rows gather before it looks again: not at all while little comes in, some milliseconds at the
/// peak, where a call for every few rows would cost more than the rows. A value; the caller brings the time.
///
///     if let rest = pace.rest(after: rows, at: .now) { wait(rest) }
public struct Pace: Sendable {
    private let longest: Double
    /// What `rest` answers at the peak.
    var longestRest: Duration { .seconds(longest) }
    private let calmRate: Double
    private let fullRate: Double
    /// Rows a second, smoothed over about a tenth of a second.
    private var rate = 0.0
    private var last: ContinuousClock.Instant?

    /// - Parameters:
    ///   - longest: The longest rest.
    ///   - calm: Up to this many rows a second nothing gathers: latency counts.
    ///   - full: From this rate on the rest is the longest.
    public init(longest: Duration, calm: Double = 1_000, full: Double = 6_000) {
        self.longest = longest / .seconds(1)
        calmRate = calm
        fullRate = full
    }

    private static let memory = 0.1

    /// - Parameter rows: What the last call brought.
    /// - Returns: Nil when the next call should be made at once.
    public mutating func rest(after rows: Int, at now: ContinuousClock.Instant) -> Duration? {
        let elapsed = last.map { max($0.duration(to: now) / .seconds(1), 0.000_1) } ?? Self.memory
        last = now
        let weight = min(elapsed / Self.memory, 1)
        rate += (Double(rows) / elapsed - rate) * weight
        guard rate > calmRate else { return nil }
        let share = min((rate - calmRate) / (fullRate - calmRate), 1)
        return .seconds(longest * share)
    }
}
