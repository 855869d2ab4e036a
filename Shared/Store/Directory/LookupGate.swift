/// Decides which unknown keys are looked up: at most so many at a time, and none again for a second after it was found to
/// be unknown. No clock, no lock, no I/O.
struct LookupGate<Key: Hashable & Sendable>: Sendable {
    enum Verdict: Equatable { case lookUp, unknown, busy }

    private let limit: Int
    private let memory: Duration
    private let capacity: Int
    private var running = 0
    private var unknown: [Key: ContinuousClock.Instant] = [:]

    /// - Parameters:
    ///   - limit: Look-ups at a time.
    ///   - memory: How long an unknown key stays known to be unknown.
    ///   - capacity: How many of those are kept; the more strangers, the sooner they are forgotten.
    init(limit: Int, memory: Duration, capacity: Int) {
        self.limit = limit
        self.memory = memory
        self.capacity = capacity
    }

    /// What to do about a key that the snapshot lacks; after `lookUp`, `finished` must follow.
    mutating func ask(_ key: Key, now: ContinuousClock.Instant) -> Verdict {
        if let until = unknown[key] {
            if now < until { return .unknown }
            unknown[key] = nil
        }
        guard running < limit else { return .busy }
        running += 1
        return .lookUp
    }

    mutating func finished(_ key: Key, isKnown: Bool?, now: ContinuousClock.Instant) {
        running -= 1
        guard isKnown == false else { return }
        if unknown.count >= capacity { unknown = unknown.filter { now < $0.value } }
        if unknown.count >= capacity { unknown.removeAll(keepingCapacity: true) }
        unknown[key] = now + memory
    }

    /// Whatever was unknown may be known now.
    mutating func forget() { unknown.removeAll(keepingCapacity: true) }
}
