/// When a writer wakes those who wait for its rows: with each commit while little comes in, and at the peak hardly ever,
/// since on Postgres each wake-up reaches every process that listens to anything. Readers who found rows look again by
/// themselves (`Pace`), so only what comes behind a look that found nothing waits for it. A value; the caller brings the
/// time.
///
///     let wakes = pace.begin(at: .now)          // the transaction wakes them itself
///     pace.committed(rows: n, hasWoken: wakes, at: .now)
///     if pace.takeDue(at: .now) { wake() }      // when `due` has come: what committed without
public struct WakePace: Sendable {
    private var pace: Pace
    /// How long nobody is woken after somebody was, at what comes in now.
    private var interval = Duration.zero
    private var rest: ContinuousClock.Instant?
    /// When somebody is to be woken for what was committed; nil when that is done.
    public private(set) var due: ContinuousClock.Instant?

    /// Where a reader who keeps up with the peak looks, there is something. Should there not be, it looks by itself before
    /// this is over.
    private static let peakInterval: Duration = .milliseconds(250)

    /// - Parameter pace: How long nobody is woken at what rate; its longest is where waking makes no difference.
    public init(_ pace: Pace = Pace(longest: .milliseconds(30), calm: 1_000, full: 4_000)) {
        self.pace = pace
    }

    /// A transaction begins that others wait for: whether it is to wake them. What was committed before needs nothing more
    /// then.
    public mutating func begin(at now: ContinuousClock.Instant) -> Bool {
        if let rest, now < rest { return false }
        due = nil
        return true
    }

    /// It is over and durable.
    public mutating func committed(rows: Int, hasWoken: Bool, at now: ContinuousClock.Instant) {
        let rest = pace.rest(after: rows, at: now) ?? .zero
        interval = rest < pace.longestRest ? rest : Self.peakInterval
        if hasWoken { self.rest = now + interval } else { due = due ?? self.rest ?? now }
    }

    /// It failed, or nobody knows: others may have counted on it.
    public mutating func failed(at now: ContinuousClock.Instant) {
        due = due ?? now
    }

    /// Whether somebody is to be woken now; the caller does it.
    public mutating func takeDue(at now: ContinuousClock.Instant) -> Bool {
        guard let time = due, time <= now else { return false }
        due = nil
        rest = now + interval
        return true
    }
}
