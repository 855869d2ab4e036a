/// Whether a lane's head stands still. While it moves, what waits behind it is on its way, however old it is. A value; the
/// caller brings the time.
public struct HeadWatch: Sendable {
    /// Where the head stood when it was last seen to have moved, and when that was.
    private var seen: (position: Int64, since: ContinuousClock.Instant)?

    public init() {}

    /// - Parameters:
    ///   - position: Where the head stands now.
    ///   - patience: How long it may stand.
    public mutating func standsStill(
        at position: Int64, for patience: Duration, now: ContinuousClock.Instant
    ) -> Bool {
        if let seen, seen.position == position { return seen.since + patience <= now }
        seen = (position, now)
        return false
    }
}
