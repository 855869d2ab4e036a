internal import Backbone
internal import EventModel

/// What the tasks and callers of the lanes share: what is owned, what is out, what waits, what is being written. No I/O,
/// no clock, no lock.
///
/// Source 0 of a lane is its partition of `deliveries`, source 1 and on those of the delay topics.
struct LanesState {
    /// One partition of a lane.
    struct Flow {
        let claim: PartitionClaim
        var window = RecordWindow()
        var offsets = OffsetGuard(next: nil)
        /// Its head is not looked at before this.
        var heldUntil: Timestamp?
    }

    struct Lane {
        /// Rises with every ownership, in this process and from one to the next (by the clock).
        let epoch: Int64
        var flows: [Flow]
        /// What is being written for it.
        var moves = 0
        var head = HeadWatch()
        /// When to stop waiting for what is out, once the lane is to be given back.
        var drainUntil: ContinuousClock.Instant?
        /// What was still out then is being moved.
        var isMovedOut = false
    }

    /// A record that was moved out of the way while its attempt goes on.
    struct Copy {
        var lane: Int
        var epoch: Int64
        /// The attempt's outcome is written: the copy is to be dropped when it comes.
        var isFinished = false
    }

    /// A record as it was read, before anything is known about it.
    struct Read {
        var claim: PartitionClaim
        var offset: Int64
        var logged: Timestamp
        var content: Content
    }

    enum Content {
        case delivery(LaneRecordBody)
        case finishedCopy(FinishedCopy)
        case unreadable(ParkedReason)
    }

    /// Bytes that are no record, to be set aside.
    struct ParkedReason {
        var reason: String
        var bytes: [UInt8]
    }

    /// What is to be done outside of the lock.
    struct Actions {
        var moves: [LaneMove] = []
        /// Claims to be stopped at an offset until released; `rereads` are released at once.
        var holds: [(PartitionClaim, Int64)] = []
        var rereads: [(PartitionClaim, Int64)] = []
        var releases: [PartitionClaim] = []
        var handBacks: [PartitionClaim] = []
        /// Lanes that are not ours any more.
        var ended: [Int] = []
        var marks: [(PartitionClaim, Int64)] = []
        var handOver: (waiter: Waiter, signals: LaneSignals)?
        /// Something is to be tended earlier than was planned.
        var needsTending = false
        var hasRoom = false
    }

    typealias Waiter = CheckedContinuation<LaneSignals?, Never>

    let bounds: KafkaBackboneConfiguration.Window
    /// As the brokers call the sources.
    let sourceNames: [String]
    var lanes: [Lane?]
    /// Of source 0: how many records the windows span, and bytes of the open ones.
    var span = 0
    var bytes = 0
    /// Bytes of open records of the other sources.
    var dueBytes = 0
    var outbox: [LaneRecord] = []
    var lost: [Int] = []
    var gained: [GainedLane] = []
    /// Of cursors: durable, and not yet told.
    var recordedHandles: [LaneHandle] = []
    var waiter: Waiter?
    var due = DueHeap()
    /// Attempts that go on without their record.
    var relocated: [LaneHandle: Int64] = [:]
    var copies: [Int64: Copy] = [:]
    var lastCopy: Int64
    var attempts = AttemptBook(limit: Self.attemptsRemembered)
    /// Records that were left out because their attempt was made or under way.
    private(set) var twins = 0
    /// What is being written, or waits to be written again.
    var openMoves = 0
    var failed: [LaneMove] = []
    /// Callers that wait until less is being written.
    var settling: [CheckedContinuation<Void, Never>] = []
    var wantsRoom = false
    /// Until then the tending task sleeps.
    var plannedUntil: Timestamp?
    /// Handing out waits for it: what the worker may not send it forgets.
    var lease: KafkaLease?
    private var lastEpoch: Int64 = 0
    var isJoined = false
    var isStopping = false
    var isAbandoned = false
    private var touched: Set<Place> = []

    struct Place: Hashable {
        var lane: Int
        var source: Int
    }

    /// - Parameter firstCopy: Numbers of copies count from here; random, so that those of two processes differ.
    init(lanes: Int, sourceNames: [String], bounds: KafkaBackboneConfiguration.Window, firstCopy: Int64) {
        self.lanes = Array(repeating: nil, count: lanes)
        self.sourceNames = sourceNames
        self.bounds = bounds
        lastCopy = firstCopy
    }

    /// Some seconds of the peak; 3 MiB.
    private static let attemptsRemembered = 32_768

    var isEnding: Bool { isStopping || isAbandoned }
    var isOwner: Bool { lanes.contains { $0 != nil } }

    func owns(_ lane: Int, epoch: Int64) -> Bool {
        lanes.indices.contains(lane) && lanes[lane]?.epoch == epoch
    }

    private func holds(_ claim: PartitionClaim) -> Bool {
        lanes.indices.contains(Int(claim.partition)) && lanes[Int(claim.partition)]?.flows[claim.topic].claim == claim
    }

    private mutating func nextEpoch(at now: Timestamp) -> Int64 {
        lastEpoch = max(lastEpoch + 1, now.microseconds)
        return lastEpoch
    }

    // MARK: Ownership

    /// Returns lanes and their epochs.
    mutating func assign(_ claims: [PartitionClaim], at now: Timestamp) -> [(lane: Int, epoch: Int64)] {
        isJoined = true
        var assigned: [(lane: Int, epoch: Int64)] = []
        for claim in claims where claim.topic == 0 && lanes.indices.contains(Int(claim.partition)) {
            let lane = Int(claim.partition)
            if lanes[lane] != nil { lose(lane) }
            let flows = claims.filter { $0.partition == claim.partition }.sorted { $0.topic < $1.topic }
            let epoch = nextEpoch(at: now)
            lanes[lane] = Lane(epoch: epoch, flows: flows.map { Flow(claim: $0) })
            assigned.append((lane, epoch))
            gained.append(GainedLane(lane: lane, epoch: epoch))
        }
        return assigned
    }

    /// The lease ran out while these lanes stayed ours, and the worker may have forgotten records of them: all that is not
    /// done is read again, under new epochs.
    mutating func renew(_ lapsed: some Sequence<Int>, at now: Timestamp) -> (
        actions: Actions, renewed: [(lane: Int, epoch: Int64)]
    ) {
        var actions = Actions()
        var renewed: [(lane: Int, epoch: Int64)] = []
        for lane in lapsed {
            guard let old = lanes[lane], old.drainUntil == nil else { continue }
            lose(lane)
            let epoch = nextEpoch(at: now)
            lanes[lane] = Lane(
                epoch: epoch,
                flows: old.flows.map { flow in
                    var fresh = Flow(claim: flow.claim)
                    guard let mark = flow.window.readMark else { return fresh }
                    fresh.offsets.turn(to: mark)
                    actions.rereads.append((flow.claim, mark))
                    return fresh
                })
            renewed.append((lane, epoch))
            gained.append(GainedLane(lane: lane, epoch: epoch))
        }
        handOver(to: &actions, at: .now)
        return (actions, renewed)
    }

    /// Begins to drain lanes that are to be given back: nothing more of them is handed out.
    mutating func leave(_ claims: [PartitionClaim], until deadline: ContinuousClock.Instant, at now: Timestamp)
        -> Actions
    {
        var actions = Actions()
        var leaving = Set<Int>()
        for claim in claims where claim.topic == 0 && holds(claim) {
            leaving.insert(Int(claim.partition))
            lanes[Int(claim.partition)]?.drainUntil = deadline
        }
        outbox.removeAll { leaving.contains($0.handle.lane) }
        for lane in leaving { moveWaiting(lane, into: &actions) }
        actions.needsTending = true
        return actions
    }

    /// Records that wait in front of others of their delay partition would hold these back: the next owner would read all.
    private mutating func moveWaiting(_ lane: Int, into actions: inout Actions) {
        guard let flows = lanes[lane]?.flows else { return }
        for source in flows.indices.dropFirst() where flows[source].window.all.contains(where: { !$0.isWaiting }) {
            for slot in flows[source].window.all where slot.isWaiting {
                move(slot, Place(lane: lane, source: source), due: slot.due, relocation: slot.relocation, &actions)
            }
        }
    }

    mutating func loseAll(_ claims: [PartitionClaim]) -> Actions {
        var actions = Actions()
        for claim in claims where claim.topic == 0 && holds(claim) {
            lose(Int(claim.partition))
            actions.ended.append(Int(claim.partition))
        }
        handOver(to: &actions, at: .now)
        return actions
    }

    mutating func lose(_ lane: Int) {
        guard let gone = lanes[lane] else { return }
        for (source, flow) in gone.flows.enumerated() {
            let open = flow.window.all.reduce(0) { $0 + $1.bytes }
            for slot in flow.window.all {
                if let record = slot.record { attempts.close(record) }
            }
            if source == 0 {
                span -= flow.window.span
                bytes -= open
            } else {
                dueBytes -= open
            }
        }
        outbox.removeAll { $0.handle.lane == lane }
        relocated = relocated.filter { $0.key.lane != lane }
        copies = copies.filter { $0.value.lane != lane }
        openMoves -= failed.count { $0.lane == lane && $0.epoch == gone.epoch }
        failed.removeAll { $0.lane == lane && $0.epoch == gone.epoch }
        lanes[lane] = nil
        lost.append(lane)
        gained.removeAll { $0.lane == lane }
        recordedHandles.removeAll { $0.lane == lane }
    }

    // MARK: The worker's side

    /// What there is for whoever waits.
    mutating func takeSignals(at now: ContinuousClock.Instant) -> LaneSignals? {
        guard lease?.isValid ?? false else {
            guard !lost.isEmpty else { return nil }
            defer { lost = [] }
            return LaneSignals(lost: lost)
        }
        guard !outbox.isEmpty || !lost.isEmpty || !gained.isEmpty || !recordedHandles.isEmpty else { return nil }
        let records = outbox.takeFirst(bounds.handOut)
        for record in records {
            lanes[record.handle.lane]?.flows[record.handle.source].window
                .setPhase(.out(since: now), of: record.handle.offset)
        }
        defer {
            lost = []
            gained = []
            recordedHandles = []
        }
        return LaneSignals(lost: lost, gained: gained, records: records, recorded: recordedHandles)
    }

    mutating func handOver(to actions: inout Actions, at now: ContinuousClock.Instant) {
        guard let waiter, let signals = takeSignals(at: now) else { return }
        self.waiter = nil
        actions.handOver = (waiter, signals)
    }

    // MARK: Places

    /// A record is done.
    mutating func finish(_ place: Place, _ offset: Int64) {
        guard let before = lanes[place.lane]?.flows[place.source].window.span,
            let slot = lanes[place.lane]?.flows[place.source].window.finish(offset)
        else { return }
        let after = lanes[place.lane]?.flows[place.source].window.span ?? 0
        if place.source == 0 {
            span += after - before
            bytes -= slot.bytes
        } else {
            dueBytes -= slot.bytes
        }
        touched.insert(place)
    }

    mutating func countTwin() { twins += 1 }

    /// Positions that moved.
    mutating func takeMarks(into actions: inout Actions) {
        for place in touched {
            guard let flow = lanes[place.lane]?.flows[place.source] else { continue }
            actions.marks.append((flow.claim, flow.window.mark))
        }
        touched.removeAll(keepingCapacity: true)
        if wantsRoom, hasRoom {
            wantsRoom = false
            actions.hasRoom = true
        }
    }

    /// Whether the next records of source 0 may be taken in; a little at a time would make small batches.
    private var hasRoom: Bool { span <= bounds.records - bounds.records / 8 && bytes < bounds.bytes }

    /// Writes a record again, to be read when it is due.
    mutating func move(
        _ slot: RecordWindow.Slot, _ place: Place, due: Timestamp?, relocation: Int64?, _ actions: inout Actions
    ) {
        guard let record = slot.record, let epoch = lanes[place.lane]?.epoch else { return }
        lanes[place.lane]?.flows[place.source].window.setPhase(.recording, of: slot.offset)
        attempts.close(record)
        begin(
            LaneMove(
                lane: place.lane, epoch: epoch, subject: .slot(source: place.source, offset: slot.offset),
                next: LaneRecordBody(
                    record, attempt: record.attempt, due: due, relocation: relocation, unknown: slot.unknown)),
            &actions)
    }

    mutating func begin(_ move: LaneMove, _ actions: inout Actions) {
        openMoves += 1
        lanes[move.lane]?.moves += 1
        actions.moves.append(move)
    }
}
