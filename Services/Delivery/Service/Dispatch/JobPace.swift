internal import EventModel

/// How fast events of jobs may start beside live ones: as fast as live ones do not notice. A value: the caller brings the time.
///
/// A replay of a million events takes whatever processor time and connections there are, here, in the store and at the
/// endpoints, and no share of places in flight says how much that is. What live records notice is how long they take to get
/// here. So that is watched: it is measured now and then while jobs stand still, and the rate of jobs goes down as soon as
/// it is longer beside them, and up while it is not. Without live records there is no limit.
struct JobPace: Sendable {
    private enum Phase {
        /// There is nobody to disturb.
        case free
        /// Jobs stand still: what they have left behind drains until the first time, then delays count until the second.
        case listening(from: Timestamp, until: Timestamp)
        case paced(until: Timestamp)
    }

    /// Starts a second.
    private(set) var rate = Self.firstRate
    /// What live records take without jobs, in microseconds.
    private(set) var quietDelay: Double?
    private var phase = Phase.free
    private var lastLive = Timestamp(seconds: 0)
    private var tokens: (count: Double, at: Timestamp)?
    /// Delays since then.
    private var window: (since: Timestamp, delays: [Int64]) = (Timestamp(seconds: 0), [])

    private static let firstRate = 200.0
    private static let lowestRate = 100.0
    private static let highestRate = 1e6
    /// Live records that are further apart than this are no traffic, in microseconds.
    private static let liveMemory: Int64 = 1_000_000
    /// How long jobs stand still before delays are believed, and while they are measured, in microseconds.
    private static let settling: Int64 = 100_000
    private static let listening: Int64 = 300_000
    /// How often they do, in microseconds.
    private static let pacedTime: Int64 = 10_000_000
    /// How often the rate may change, in microseconds, and of how many delays it takes note.
    private static let windowTime: Int64 = 200_000
    private static let windowCount = 10
    private static let windowLimit = 256
    /// A median that is longer than the quiet one by this factor and so many microseconds is felt.
    private static let tolerance = (factor: 1.1, microseconds: 200.0)
    /// What may start at once is what comes in this time, in seconds: more would be felt as one blow.
    private static let burst = 0.005

    /// A live record came and could start at once.
    ///
    /// - Parameter delay: From the feed to here, in microseconds.
    mutating func sawLive(delay: Int64, at now: Timestamp) {
        if now.microseconds(since: lastLive) > Self.liveMemory { phase = .free }
        lastLive = now
        switch phase {
        case .free: return
        case .listening(let from, _): if now < from { return }
        // Nobody has asked since: the jobs are over.
        case .paced(let until): if now >= until { return }
        }
        if window.delays.isEmpty { window.since = now }
        if window.delays.count < Self.windowLimit { window.delays.append(max(0, delay)) }
        if case .paced = phase { judge(at: now) }
    }

    private mutating func judge(at now: Timestamp) {
        guard window.delays.count >= Self.windowCount, now.microseconds(since: window.since) >= Self.windowTime,
            let delay = takeMedian(), let quietDelay
        else { return }
        if delay > quietDelay * Self.tolerance.factor + Self.tolerance.microseconds {
            rate = max(Self.lowestRate, rate * 0.6)
        } else {
            rate = min(Self.highestRate, rate * 1.05)
        }
    }

    /// The middle one: a few late ones say nothing, they are there without jobs too.
    private mutating func takeMedian() -> Double? {
        defer { window.delays.removeAll(keepingCapacity: true) }
        guard !window.delays.isEmpty else { return nil }
        return Double(window.delays.sorted()[window.delays.count / 2])
    }

    /// Whether an event of a job may start.
    mutating func admits(at now: Timestamp) -> Bool {
        guard now.microseconds(since: lastLive) <= Self.liveMemory else {
            phase = .free
            return true
        }
        switch phase {
        case .free:
            rate = Self.firstRate
            listen(at: now)
            return false
        case .listening(_, let until):
            guard now >= until else { return false }
            if let median = takeMedian() { quietDelay = median }
            tokens = nil
            phase = .paced(until: now.adding(microseconds: Self.pacedTime))
        case .paced(let until):
            if now >= until {
                listen(at: now)
                return false
            }
        }
        return available(at: now) >= 1
    }

    private mutating func listen(at now: Timestamp) {
        window.delays.removeAll(keepingCapacity: true)
        phase = .listening(
            from: now.adding(microseconds: Self.settling),
            until: now.adding(microseconds: Self.settling + Self.listening))
    }

    private func available(at now: Timestamp) -> Double {
        guard let tokens else { return 1 }
        let most = max(1, rate * Self.burst)
        return min(most, tokens.count + Double(max(0, now.microseconds(since: tokens.at))) / 1_000_000 * rate)
    }

    mutating func started(at now: Timestamp) { tokens = (available(at: now) - 1, now) }

    /// When it is worth asking again.
    func nextStart(at now: Timestamp) -> Timestamp {
        switch phase {
        case .free: now
        case .listening(_, let until): until
        case .paced: now.adding(microseconds: Int64(max(0, 1 - available(at: now)) / rate * 1_000_000) + 1)
        }
    }
}
