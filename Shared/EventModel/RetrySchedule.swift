/// When the attempts of a delivery are made: seconds to wait after the previous attempt ended (`contracts.md` §6).
public struct RetrySchedule: Hashable, Sendable {
    /// Seconds before attempt 1, 2, …; 1–20 entries, each 0–86 400.
    public let steps: [Int]

    /// Immediately, then after 30 s, 2 min, 10 min and 1 h (seed 1).
    public static let standard = RetrySchedule(unchecked: [0, 30, 120, 600, 3_600])

    /// The most that a step, or an endpoint's `Retry-After`, may ask for, in seconds.
    public static let longestStep = 86_400
    /// `Retry-After` is honoured up to this many seconds.
    public static let longestRetryAfter = 3_600

    private init(unchecked steps: [Int]) {
        self.steps = steps
    }

    /// Nil unless there are 1–20 steps, each 0–86 400 s.
    public init?(_ steps: [Int]) {
        guard (1...20).contains(steps.count), steps.allSatisfy({ (0...Self.longestStep).contains($0) }) else {
            return nil
        }
        self.steps = steps
    }

    public var attempts: Int { steps.count }

    /// When the attempt after `attempt` (from 1) is due; nil when that was the last.
    ///
    /// - Parameters:
    ///   - ended: When the failed attempt ended.
    ///   - retryAfter: What a 429 or 503 asked for, in seconds; counts between the step and an hour.
    ///   - jitter: 0..<1: only adds, up to a second, so no attempt is early.
    public func due(after attempt: Int, ended: Timestamp, retryAfter: Int?, jitter: Double) -> Timestamp? {
        guard attempt < steps.count else { return nil }
        var seconds = steps[attempt]
        if let retryAfter {
            seconds = max(seconds, min(retryAfter, Self.longestRetryAfter))
        }
        let extra = Int64(max(0, min(jitter, 1)) * 1_000_000)
        return ended.adding(seconds: Int64(seconds)).adding(microseconds: extra)
    }
}
