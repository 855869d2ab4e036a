/// When to try to connect again: at once after a loss, then later and later.
struct Backoff: Sendable {
    static let first: Duration = .milliseconds(50)
    static let longest: Duration = .seconds(2)

    private var failures = 0
    private var notBefore: ContinuousClock.Instant?

    /// How long to wait still; zero when an attempt may be made.
    func delay(now: ContinuousClock.Instant) -> Duration {
        guard let notBefore, now < notBefore else { return .zero }
        return now.duration(to: notBefore)
    }

    mutating func succeeded() {
        self = Backoff()
    }

    /// - Parameter jitter: 0 to 1; spreads the attempts of many connections over half the delay.
    mutating func failed(now: ContinuousClock.Instant, jitter: Double = .random(in: 0..<1)) {
        let full = min(Self.first * (1 << min(failures, 16)), Self.longest)
        failures += 1
        notBefore = now + full / 2 + full / 2 * jitter
    }
}
