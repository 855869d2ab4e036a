internal import EventModel

/// Keys whose events the log has acknowledged to this process, with the ids that were told. Two generations: the older
/// one is forgotten when the newer one is full or an hour old. No clock, no lock.
struct AcknowledgedKeys {
    /// Far below the dedupe window, so that what is remembered here is a duplicate there too.
    static let longest: Duration = .seconds(3_600)

    private let limit: Int
    private var young: [DedupeKey: EventID] = [:]
    private var old: [DedupeKey: EventID] = [:]
    private var since: ContinuousClock.Instant

    /// - Parameter limit: How many keys are remembered at most.
    init(limit: Int, now: ContinuousClock.Instant) {
        self.limit = limit
        since = now
    }

    subscript(key: DedupeKey) -> EventID? { young[key] ?? old[key] }

    /// Remembers a key, unless there is an event for it; returns that event's id.
    mutating func add(_ key: DedupeKey, _ id: EventID, now: ContinuousClock.Instant) -> EventID? {
        expire(now: now)
        if let known = self[key] { return known }
        if young.count >= limit / 2 { rotate(now: now) }
        young[key] = id
        return nil
    }

    /// Forgets what is too old.
    mutating func expire(now: ContinuousClock.Instant) {
        guard since.duration(to: now) >= Self.longest / 2 else { return }
        if since.duration(to: now) >= Self.longest { young = [:] }
        rotate(now: now)
    }

    private mutating func rotate(now: ContinuousClock.Instant) {
        old = young
        young = [:]
        since = now
    }
}
