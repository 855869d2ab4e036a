/// What may flow from one claimed partition, and where it stands: a pure value, moved by the polling thread.
///
/// Three things stop a partition: the service holds it (an undue record at its head), too many of its records are in
/// hand, or the ring is full. Whatever librdkafka delivers meanwhile is dropped and marked, so that going on begins with
/// a seek; nothing is lost, and nothing depends on which of librdkafka's queues a record was in.
struct PartitionFlow: Equatable {
    let claim: PartitionClaim
    /// The most records in hand (offsets from `mark` to `next`), nil: any.
    let limit: Int?

    /// librdkafka reads this partition.
    var isStarted = false
    /// librdkafka was told to pause it.
    var isPaused = false
    /// The first offset that was not handed on; nil before the first record of a start that names none.
    private(set) var next: Int64?
    /// Everything below is done.
    private(set) var mark: Int64?
    /// What the group's coordinator is known to have.
    var committed: Int64?
    /// It was started at its oldest record and nothing came yet.
    var standsAtBeginning = false
    /// Offsets at or beyond `next` were thrown away.
    private(set) var needsSeek = false
    private(set) var isHeld = false
    private(set) var isCrowded = false
    /// To be given back: takes nothing more.
    var isLeaving = false

    /// It may be left alone at its end.
    let parks: Bool
    /// It is at its end and left alone until this time, or until something is expected.
    private(set) var parkedUntil: ContinuousClock.Instant?
    /// Records below it are known to be in the log.
    private var expectedEnd: Int64 = 0

    init(claim: PartitionClaim, limit: Int? = nil, parks: Bool = false) {
        self.claim = claim
        self.limit = limit
        self.parks = parks
    }

    enum Verdict: Equatable {
        case take
        /// Taken, and `count` offsets before it are not in the log any more.
        case takeAfterGap(Int64)
        /// Already handed on.
        case repeated
        /// Not now; it is fetched again.
        case drop
    }

    var isStopped: Bool { isHeld || isCrowded || isLeaving || parkedUntil != nil }

    mutating func start(at offset: Int64?) {
        next = offset
        mark = offset
        isStarted = true
    }

    mutating func offer(_ offset: Int64) -> Verdict {
        if let next, offset < next { return .repeated }
        // Records that were on their way when a seek was asked for are not a gap.
        if isStopped || needsSeek {
            needsSeek = true
            return .drop
        }
        let missing = next.map { offset - $0 } ?? 0
        next = offset + 1
        if mark == nil { mark = offset }
        if let limit, let mark, offset + 1 - mark >= limit { isCrowded = true }
        return missing > 0 ? .takeAfterGap(missing) : .take
    }

    /// Everything below `offset` is done.
    mutating func advance(to offset: Int64) {
        guard offset > mark ?? -1, offset <= next ?? -1 else { return }
        mark = offset
        if let limit, let next, next - offset <= limit / 2 { isCrowded = false }
    }

    /// Stops at `offset`, which is the next to be handed on when it goes on.
    mutating func hold(at offset: Int64) {
        isHeld = true
        turnBack(to: offset)
    }

    mutating func release() { isHeld = false }

    /// Goes back to `offset`, for records that were handed on and will be handed on again.
    mutating func turnBack(to offset: Int64) {
        guard let next, offset < next else { return }
        self.next = offset
        needsSeek = true
        if let limit, let mark, offset - mark <= limit / 2 { isCrowded = false }
    }

    /// The end of the log was seen at `offset`.
    ///
    /// - Parameter lookAgain: when a parked partition is to be looked at again.
    /// - Returns: whether the partition is parked from now on.
    mutating func reachedEnd(at offset: Int64, lookAgain: ContinuousClock.Instant) -> Bool {
        if next == nil {
            next = offset
            mark = offset
        }
        guard parks, !isStopped, !needsSeek, next == offset, offset >= expectedEnd else { return false }
        parkedUntil = lookAgain
        return true
    }

    /// A record at `offset` is in the log; -1: it is not known where.
    mutating func expect(_ offset: Int64) {
        expectedEnd = max(expectedEnd, offset + 1)
        if offset < 0 || expectedEnd > next ?? 0 { parkedUntil = nil }
    }

    mutating func unpark() { parkedUntil = nil }

    /// librdkafka reads from `next` again.
    mutating func sought() { needsSeek = false }
}
