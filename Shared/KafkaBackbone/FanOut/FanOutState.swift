internal import Backbone
internal import EventModel
internal import Observability
internal import Store

/// What the tasks and callers of a fan-out share: which parts are owned, what was consumed, what is out. No I/O, no clock
/// of its own, no lock.
///
/// Batches are handed out and completed in order, and everything is stored and read by one task. So when a batch is
/// completed, every row of every current part up to the batch's last position has its deliveries: one position, `fanned`,
/// stands for all of them.
struct FanOutState {
    struct Part {
        let claim: PartitionClaim
        /// Nil until the part is taken, and again when a call found it to be another's.
        var epoch: Int64?
        var offsets = OffsetGuard(next: nil)
        /// Every row of the part up to here is in a batch that was made.
        var readTo: Int64 = 0
        /// `fanned` holds for it: what its last owner left was handed out and completed.
        var isCurrent = false
        /// The batch that makes it current.
        var joinsWith: UInt64?
        /// Its records are being consumed.
        var isStarted = false
        var leaveBy: ContinuousClock.Instant?
        /// Not taken again before this.
        var retryAt: ContinuousClock.Instant?

        mutating func didRead(to position: Int64) { readTo = max(readTo, position) }
    }

    /// A batch that is not completed.
    struct Mark {
        var token: UInt64
        /// The parts of its rows, under the epochs of then.
        var epochs: [Int: Int64]
        var upTo: Int64
        /// When the first of its rows was stored.
        var since: Timestamp
        var rows: Int
        var isHandedOut = false
        var isDone = false
    }

    /// A consumed record.
    struct Taken {
        var part: Int
        var message: KafkaMessage
    }

    typealias Waiter = CheckedContinuation<FanOutBatch?, Never>

    /// Batches that are made and not completed: one with the matcher, one ready, one in the making.
    static let batchBound = 3
    static let batchRecords = 1_000
    static let batchBytes = 4 << 20
    /// Consumed and not stored; beyond it the consumer's own ring fills.
    static let chunkBytes = 8 << 20

    private(set) var parts: [Int: Part] = [:]
    private var chunks: [KafkaRecords] = []
    /// Where in the first chunk to go on.
    private var firstRecord = 0
    private(set) var pendingBytes = 0
    /// Records that were taken and are not stored: how many, and when the first was logged, by part.
    private(set) var storing: [Int: (count: Int, since: Timestamp)] = [:]
    private(set) var ready: [FanOutBatch] = []
    private(set) var marks: [Mark] = []
    private var lastToken: UInt64 = 0
    var waiter: Waiter?
    /// Every row of the current parts up to here has its deliveries.
    private(set) var fanned: Int64 = 0
    /// Parts for which the database does not know that yet.
    private(set) var unrecorded: Set<Int> = []
    /// The head that `reachedHead` was told of last.
    private var lastHead: Int64 = 0
    var isJoined = false
    var isStopping = false
    var isAbandoned = false
    /// Nothing is stored or recorded any more.
    var isWorkerDone = false

    var isEnding: Bool { isStopping || isAbandoned }
    var hasRoom: Bool { marks.count < Self.batchBound }
    var isAllCompleted: Bool { marks.isEmpty }
    var hasRecords: Bool { !chunks.isEmpty }
    /// The group has spoken and all that it gave is taken.
    var isSettled: Bool { isJoined && parts.values.allSatisfy { $0.epoch != nil || $0.leaveBy != nil } }
    var isFull: Bool { pendingBytes >= Self.chunkBytes }

    // MARK: Ownership

    mutating func assign(_ claims: [PartitionClaim]) {
        isJoined = true
        for claim in claims { parts[Int(claim.partition)] = Part(claim: claim) }
    }

    mutating func leave(_ claims: [PartitionClaim], by deadline: ContinuousClock.Instant) {
        for claim in claims where parts[Int(claim.partition)]?.claim == claim {
            parts[Int(claim.partition)]?.leaveBy = deadline
        }
    }

    mutating func lose(_ claims: [PartitionClaim]) {
        for claim in claims where parts[Int(claim.partition)]?.claim == claim {
            parts[Int(claim.partition)] = nil
            unrecorded.remove(Int(claim.partition))
        }
    }

    /// Parts to be taken now.
    func untaken(at now: ContinuousClock.Instant) -> [Int] {
        parts.filter { $0.value.epoch == nil && $0.value.leaveBy == nil && $0.value.retryAt.map { $0 <= now } ?? true }
            .keys.sorted()
    }

    mutating func postponeTaking(_ taken: [Int], until time: ContinuousClock.Instant) {
        for part in taken { parts[part]?.retryAt = time }
    }

    mutating func took(_ position: PartPosition) {
        guard var part = parts[position.part] else { return }
        part.epoch = position.epoch
        part.readTo = position.fanned
        part.isCurrent = false
        part.joinsWith = nil
        part.offsets.turn(to: position.stored)
        parts[position.part] = part
    }

    /// A call found parts to be another's: those that are still assigned to us are taken again.
    mutating func refused(_ refused: [Int], at now: ContinuousClock.Instant) {
        for part in refused {
            parts[part]?.epoch = nil
            parts[part]?.isCurrent = false
            parts[part]?.retryAt = now + Self.retakePause
            unrecorded.remove(part)
        }
    }

    /// Two that take a part from each other do not do so at full speed.
    private static let retakePause: Duration = .milliseconds(100)

    mutating func started(_ part: Int) { parts[part]?.isStarted = true }

    /// Whether the part is owned under this epoch and stays.
    func owns(_ part: Int, epoch: Int64?) -> Bool {
        guard let epoch, let known = parts[part] else { return false }
        return known.epoch == epoch
    }

    func owned(_ wanted: some Sequence<Int>) -> [OwnedPart] {
        wanted.sorted().compactMap { part in parts[part]?.epoch.map { OwnedPart(part: part, epoch: $0) } }
    }

    /// Claims to hand back: nothing of them is out, or their time is over.
    func leaving(at now: ContinuousClock.Instant) -> [PartitionClaim] {
        let out = Set(marks.flatMap(\.epochs.keys))
        return parts.compactMap { number, part in
            guard let deadline = part.leaveBy, isWorkerDone || !out.contains(number) || now >= deadline else {
                return nil
            }
            return part.claim
        }
    }

    var nextDeadline: ContinuousClock.Instant? {
        parts.values.compactMap { $0.leaveBy ?? ($0.epoch == nil ? $0.retryAt : nil) }.min()
    }

    // MARK: Records

    mutating func add(_ records: KafkaRecords) {
        chunks.append(records)
        pendingBytes += records.byteCount
    }

    /// Takes what there is, up to a batch; `rereads` are claims to be turned back.
    mutating func takeRecords() -> (records: [Taken], rereads: [(PartitionClaim, Int64)]) {
        var taken: [Taken] = []
        var bytes = 0
        var rereads: [(PartitionClaim, Int64)] = []
        while let chunk = chunks.first, taken.count < Self.batchRecords, bytes < Self.batchBytes {
            while firstRecord < chunk.count, taken.count < Self.batchRecords, bytes < Self.batchBytes {
                let message = chunk[firstRecord]
                firstRecord += 1
                let number = Int(message.claim.partition)
                guard var part = parts[number], part.claim == message.claim, part.epoch != nil, part.leaveBy == nil
                else { continue }
                switch part.offsets.judge(message.offset) {
                case .take:
                    taken.append(Taken(part: number, message: message))
                    storing[number, default: (0, Timestamp(milliseconds: message.timestamp))].count += 1
                    bytes += message.value.count
                case .ignore: break
                case .reread(let offset): rereads.append((part.claim, offset))
                }
                parts[number] = part
            }
            if firstRecord == chunk.count {
                pendingBytes -= chunk.byteCount
                chunks.removeFirst()
                firstRecord = 0
            }
        }
        return (taken, rereads)
    }

    /// What `takeRecords` gave is stored, or nobody's any more.
    mutating func endStoring() { storing.removeAll(keepingCapacity: true) }

    /// The first record of each part that was consumed and not taken, with how many there are.
    private var pending: [Int: (count: Int, since: Timestamp)] {
        var pending: [Int: (count: Int, since: Timestamp)] = [:]
        for (number, chunk) in chunks.enumerated() {
            for message in chunk.dropFirst(number == 0 ? firstRecord : 0) {
                let part = Int(message.claim.partition)
                pending[part, default: (0, Timestamp(milliseconds: message.timestamp))].count += 1
            }
        }
        return pending
    }

    /// What is not on the feed yet, by owned part.
    ///
    /// - Parameter end: of a part's log.
    func storeLag(at now: Timestamp, end: (PartitionClaim) -> Int64?) -> [PartitionLag] {
        let pending = pending
        return parts.map { number, part in
            let known = (storing[number]?.count ?? 0) + (pending[number]?.count ?? 0)
            let unread = part.offsets.next.flatMap { next in
                end(part.claim).map { Int(max(0, $0 - next)) }
            }
            let since = storing[number]?.since ?? pending[number]?.since ?? now
            return PartitionLag(
                partition: number, records: max(known, (storing[number]?.count ?? 0) + (unread ?? 0)),
                seconds: Double(now.microseconds(since: since)) / 1_000_000)
        }
    }

    /// What is on the feed and not in the lanes, by owned part.
    func fanOutLag(at now: Timestamp) -> [PartitionLag] {
        parts.keys.map { number in
            let mine = marks.filter { $0.epochs[number] != nil }
            let since = mine.map(\.since).min() ?? now
            return PartitionLag(
                partition: number, records: mine.reduce(0) { $0 + $1.rows },
                seconds: Double(now.microseconds(since: since)) / 1_000_000)
        }
    }

    // MARK: Batches

    /// Rows of these parts up to `readTo` are in batches now; `rows` make the next one.
    ///
    /// - Parameter joining: parts that become current with it.
    mutating func made(
        _ rows: [FeedRow], parts read: [Int], readTo: Int64, configVersion: Int64, joining: [Int] = []
    ) -> (waiter: Waiter, batch: FanOutBatch)? {
        for part in read { parts[part]?.didRead(to: readTo) }
        guard !rows.isEmpty else {
            for part in joining { join(part) }
            return nil
        }
        lastToken += 1
        for part in joining { parts[part]?.joinsWith = lastToken }
        var epochs: [Int: Int64] = [:]
        for row in rows where epochs[row.part] == nil { epochs[row.part] = parts[row.part]?.epoch ?? -1 }
        marks.append(
            Mark(token: lastToken, epochs: epochs, upTo: readTo, since: rows[0].recordedAt, rows: rows.count))
        ready.append(FanOutBatch(rows: rows, configVersion: configVersion, token: lastToken))
        guard let waiter, let batch = takeReady() else { return nil }
        self.waiter = nil
        return (waiter, batch)
    }

    private mutating func join(_ part: Int) {
        // What waits for its completion may be the part's last batch of an earlier catch-up.
        if let last = marks.last(where: { $0.epochs[part] != nil }) {
            parts[part]?.joinsWith = last.token
        } else {
            parts[part]?.isCurrent = true
            unrecorded.insert(part)
        }
    }

    mutating func takeReady() -> FanOutBatch? {
        guard !ready.isEmpty else { return nil }
        let batch = ready.removeFirst()
        if let index = marks.firstIndex(where: { $0.token == batch.token }) { marks[index].isHandedOut = true }
        return batch
    }

    /// Which rows are still ours to deliver; nil for a batch that is not out.
    func owns(_ batch: FanOutBatch) -> (@Sendable (Int) -> Bool)? {
        guard let mark = marks.first(where: { $0.token == batch.token }) else { return nil }
        let ours = Set(mark.epochs.filter { owns($0.key, epoch: $0.value) }.keys)
        return { ours.contains($0) }
    }

    mutating func completed(_ token: UInt64) {
        guard let index = marks.firstIndex(where: { $0.token == token }) else { return }
        marks[index].isDone = true
        while let first = marks.first, first.isDone {
            marks.removeFirst()
            fanned = max(fanned, first.upTo)
            for (part, known) in parts where known.joinsWith == first.token {
                parts[part]?.isCurrent = true
                parts[part]?.joinsWith = nil
                unrecorded.insert(part)
            }
            for (part, epoch) in first.epochs where owns(part, epoch: epoch) && parts[part]?.isCurrent == true {
                unrecorded.insert(part)
            }
        }
    }

    /// Batches that nobody saw are left to the next owner.
    mutating func discardReady() {
        let tokens = Set(ready.map(\.token))
        marks.removeAll { tokens.contains($0.token) }
        ready = []
    }

    /// All rows of the current parts below the head have their deliveries, since nothing is out.
    mutating func reachedHead(_ position: Int64) {
        // Not `fanned` tells whether there is anything to record: parts with events may have moved it while others, which
        // have none, stand where they were.
        guard marks.isEmpty, position >= fanned, position > lastHead else { return }
        fanned = position
        lastHead = position
        for (number, part) in parts where part.isCurrent { unrecorded.insert(number) }
    }

    /// What to record beside a store of `storing`: nil where one of them is not current yet.
    mutating func takeFanned(storing: [Int]) -> (parts: [Int], fanned: Int64)? {
        guard storing.allSatisfy({ parts[$0]?.isCurrent == true }), !unrecorded.isEmpty else { return nil }
        defer { unrecorded = [] }
        return (unrecorded.union(storing).sorted(), fanned)
    }

    /// The call that was to record did not.
    mutating func notRecorded(_ recorded: [Int]) {
        for part in recorded where parts[part]?.isCurrent == true { unrecorded.insert(part) }
    }
}
