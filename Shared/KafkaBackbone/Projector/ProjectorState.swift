internal import EventModel
internal import Observability
internal import Store

/// What the tasks of a projector share: what is owned and what was consumed. No I/O, no clock, no lock.
struct ProjectorState {
    struct Part {
        let claim: PartitionClaim
        /// Nil until it is taken, and again when a call found it to be another's.
        var epoch: Int64?
        var offsets = OffsetGuard(next: nil)
        var isStarted = false
        var retryAt: ContinuousClock.Instant?
    }

    /// Consumed and not projected; beyond it the consumer's own ring fills.
    private static let chunkBytes = 8 << 20

    private(set) var parts: [Int: Part] = [:]
    private var chunks: [KafkaRecords] = []
    private var firstRecord = 0
    private(set) var pendingBytes = 0
    /// Records that wait.
    private(set) var pending = 0
    /// Records that were taken and are not projected: how many, and when the first was logged, by part.
    private(set) var projecting: [Int: (count: Int, since: Timestamp)] = [:]
    var isJoined = false
    var isStopping = false

    var isFull: Bool { pendingBytes >= Self.chunkBytes }
    /// The group has spoken and all that it gave is taken.
    var isSettled: Bool { isJoined && parts.values.allSatisfy { $0.epoch != nil } }

    mutating func assign(_ claims: [PartitionClaim]) {
        isJoined = true
        for claim in claims { parts[Int(claim.partition)] = Part(claim: claim) }
    }

    mutating func lose(_ claims: [PartitionClaim]) {
        for claim in claims where parts[Int(claim.partition)]?.claim == claim { parts[Int(claim.partition)] = nil }
    }

    /// What `takeRecords` gave is projected, or nobody's any more.
    mutating func endProjecting() { projecting.removeAll(keepingCapacity: true) }

    /// What is not projected, by owned part.
    ///
    /// - Parameter end: of a part's log.
    func lag(at now: Timestamp, end: (PartitionClaim) -> Int64?) -> [PartitionLag] {
        var oldest = projecting.mapValues(\.since)
        if let chunk = chunks.first {
            for message in chunk.dropFirst(firstRecord) where oldest[Int(message.claim.partition)] == nil {
                oldest[Int(message.claim.partition)] = Timestamp(milliseconds: message.timestamp)
            }
        }
        return parts.map { number, part in
            let unread = part.offsets.next.flatMap { next in end(part.claim).map { Int(max(0, $0 - next)) } } ?? 0
            let seconds = oldest[number].map { Double(now.microseconds(since: $0)) / 1_000_000 } ?? 0
            return PartitionLag(
                partition: number, records: (projecting[number]?.count ?? 0) + unread, seconds: seconds)
        }
    }

    func untaken(at now: ContinuousClock.Instant) -> [Int] {
        parts.filter { $0.value.epoch == nil && $0.value.retryAt.map { $0 <= now } ?? true }.keys.sorted()
    }

    var nextTaking: ContinuousClock.Instant? {
        parts.values.compactMap { $0.epoch == nil ? $0.retryAt : nil }.min()
    }

    mutating func postponeTaking(_ taken: [Int], until time: ContinuousClock.Instant) {
        for part in taken {
            parts[part]?.epoch = nil
            parts[part]?.retryAt = time
        }
    }

    /// Returns the claim and whether it is being consumed already.
    mutating func took(_ position: PartPosition) -> (claim: PartitionClaim, isStarted: Bool)? {
        guard var part = parts[position.part] else { return nil }
        let isStarted = part.isStarted
        part.epoch = position.epoch
        part.offsets.turn(to: position.stored)
        part.isStarted = true
        parts[position.part] = part
        return (part.claim, isStarted)
    }

    func owned(_ wanted: some Sequence<Int>) -> [OwnedPart] {
        wanted.sorted().compactMap { part in parts[part]?.epoch.map { OwnedPart(part: part, epoch: $0) } }
    }

    func owns(_ claim: PartitionClaim) -> Bool {
        parts[Int(claim.partition)].map { $0.claim == claim && $0.epoch != nil } ?? false
    }

    mutating func add(_ records: KafkaRecords) {
        chunks.append(records)
        pendingBytes += records.byteCount
        pending += records.count
    }

    mutating func takeRecords(_ limit: Int) -> (records: [KafkaMessage], rereads: [(PartitionClaim, Int64)]) {
        var taken: [KafkaMessage] = []
        var rereads: [(PartitionClaim, Int64)] = []
        while let chunk = chunks.first, taken.count < limit {
            while firstRecord < chunk.count, taken.count < limit {
                let message = chunk[firstRecord]
                firstRecord += 1
                pending -= 1
                guard owns(message.claim), var part = parts[Int(message.claim.partition)] else { continue }
                switch part.offsets.judge(message.offset) {
                case .take:
                    taken.append(message)
                    let number = Int(message.claim.partition)
                    projecting[number, default: (0, Timestamp(milliseconds: message.timestamp))].count += 1
                case .ignore: break
                case .reread(let offset): rereads.append((part.claim, offset))
                }
                parts[Int(message.claim.partition)] = part
            }
            if firstRecord == chunk.count {
                pendingBytes -= chunk.byteCount
                chunks.removeFirst()
                firstRecord = 0
            }
        }
        return (taken, rereads)
    }
}
