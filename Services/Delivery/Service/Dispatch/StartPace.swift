internal import EventModel

/// How many attempts an endpoint may have under way, as far as it has shown that it answers, and how fast they may start. A
/// value: the caller brings the time.
struct StartPace: Sendable {
    /// What its answers have earned; nil: nothing is known, the first few may go.
    private(set) var allowance: Int?
    /// Starts that may come at once, and when that was counted.
    private var tokens: (count: Double, at: Timestamp)?

    /// What a tenth of a second gathers may start at once, one at least.
    private static func burst(_ rate: Double) -> Double { max(1, rate / 10) }

    private func count(at now: Timestamp, _ rate: Double) -> Double {
        guard let tokens else { return Self.burst(rate) }
        let gathered = Double(max(0, now.microseconds(since: tokens.at))) / 1_000_000 * rate
        return min(Self.burst(rate), tokens.count + gathered)
    }

    func admits(at now: Timestamp, _ rate: Double?) -> Bool {
        guard let rate else { return true }
        return count(at: now, rate) >= 1
    }

    mutating func started(at now: Timestamp, _ rate: Double?) {
        guard let rate else {
            tokens = nil
            return
        }
        tokens = (count(at: now, rate) - 1, now)
    }

    /// When the next one may start for want of tokens; nil: now.
    func nextStart(_ rate: Double?) -> Timestamp? {
        guard let rate, let tokens, tokens.count < 1 else { return nil }
        return tokens.at.adding(microseconds: Int64(min((1 - tokens.count) / rate * 1_000_000, 3.6e9)) + 1)
    }

    /// Whether forgetting it changes nothing.
    func isRested(at now: Timestamp) -> Bool {
        guard let tokens else { return true }
        // A minute covers all but the slowest rates, and those keep their queue.
        return tokens.count >= 1 || now.microseconds(since: tokens.at) > 100_000_000
    }

    /// Each success earns one more; no answer at all halves what was earned, so that an endpoint that fell silent does not
    /// hold many places for as long as its timeout.
    mutating func ended(succeeded: Bool, isSilent: Bool, _ policy: DispatchPolicy) {
        let known = allowance ?? policy.firstInFlight
        if succeeded {
            allowance = min(known + 1, policy.inFlightPerEndpoint)
        } else if isSilent {
            allowance = max(known / 2, 1)
        }
    }
}
