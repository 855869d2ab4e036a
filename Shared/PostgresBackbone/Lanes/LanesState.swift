internal import Backbone
internal import EventModel
internal import Store

/// What the threads and callers of the lanes share: what is owned, what is out, what waits to be recorded.
/// No I/O, no clock, no lock.
struct LanesState {
    struct Lane {
        var epoch: Int64
        var slots = LaneSlots()
        /// Of records that are out or on their way to the worker.
        var bytes = 0
        /// What the database knows.
        var recorded: Int64
        /// Rows up to here may have been started by an earlier owner; nil until the first read.
        var inheritedUpTo: Int64?
        var head = HeadWatch()
        /// When to stop waiting for what is out, once the lane is to be given back.
        var drainUntil: ContinuousClock.Instant?
        /// How far it was read and handed out when it began to drain; the others are read on.
        var readLimit: Int64?
    }

    typealias Waiter = UnsafeContinuation<LaneSignals?, Never>

    private(set) var plan = ReadPlan()
    var lanes: [Lane?]
    var due = DueHold()
    /// Records that the lanes span, and bytes of those that are out.
    var span = 0
    var bytes = 0
    /// On its way to the worker.
    private(set) var outbox: [LaneRecord] = []
    private(set) var lost: [Int] = []
    private(set) var gained: [GainedLane] = []
    /// Of cursors: durable, and not yet told.
    var recordedHandles: [LaneHandle] = []
    var waiter: Waiter?
    /// Outcomes that wait to be recorded.
    var outcomes: [LaneOutcome] = []
    /// Waiting attempts whose event is gone with its retention.
    var orphans: [DueStatement.Answer.Orphan] = []
    /// Callers that wait for room there.
    var settling: [UnsafeContinuation<Void, Never>] = []
    var isWoken = true
    /// When a shutdown stops waiting for what is out.
    var stopUntil: ContinuousClock.Instant?
    var isReaderDone = false
    var isAbandoned = false

    init(lanes: Int) {
        self.lanes = Array(repeating: nil, count: lanes)
    }

    var isEnding: Bool { stopUntil != nil || isAbandoned }

    func owns(_ lane: OwnedPart) -> Bool { lanes[lane.part]?.epoch == lane.epoch }

    /// When the oldest delivery was asked for that is out or in memory.
    var oldestDelivery: Timestamp? {
        let heads = lanes.lazy.compactMap { $0?.slots.head?.firstDueAt }
        let waiting = due.entries.values.lazy.map(\.firstDueAt)
        return [heads.min(), waiting.min()].compactMap(\.self).min()
    }

    // MARK: Ownership

    /// Takes over what the lease says. Lanes are given back when they are drained and recorded, never here.
    mutating func update(_ held: [LeaseStatement.Held], drainUntil: ContinuousClock.Instant) {
        var gone = Set(plan.parts.keys)
        for held in held {
            let position = held.position
            gone.remove(position.part)
            if lanes[position.part]?.epoch == position.epoch {
                if held.giveUp { drain(position.part, until: drainUntil) }
            } else if !isEnding, !plan.isDead(position.part, epoch: position.epoch) {
                lose(position.part)
                lanes[position.part] = Lane(epoch: position.epoch, recorded: position.settled)
                gained.append(GainedLane(lane: position.part, epoch: position.epoch))
                plan.join(position.part, epoch: position.epoch, done: position.settled)
                due.startOver()
            }
        }
        for part in gone { lose(part) }
    }

    mutating func lose(_ part: OwnedPart) {
        if owns(part) { lose(part.part) }
    }

    private mutating func lose(_ part: Int) {
        guard let lane = lanes[part] else { return }
        span -= lane.slots.span
        bytes -= lane.bytes
        due.forget(lane: part)
        outbox.removeAll { $0.handle.lane == part }
        lanes[part] = nil
        plan.forget(part)
        lost.append(part)
        gained.removeAll { $0.lane == part }
        recordedHandles.removeAll { $0.lane == part }
    }

    /// Hands out nothing more of the lane; what the worker does not have stays for the next owner.
    private mutating func drain(_ part: Int, until deadline: ContinuousClock.Instant) {
        guard lanes[part] != nil, lanes[part]?.drainUntil == nil else { return }
        plan.drain(part)
        lanes[part]?.drainUntil = deadline
        let limit = lanes[part]?.slots.firstUnreceived.map { $0 - 1 } ?? plan.readPosition(of: part)
        lanes[part]?.readLimit = limit
        for record in outbox where record.handle.lane == part {
            if record.handle.source == 1 { due.drop(record.delivery) } else { release(record.envelope.count, part) }
        }
        outbox.removeAll { $0.handle.lane == part }
        due.dropPending(lane: part)
        let before = lanes[part]?.slots.span ?? 0
        lanes[part]?.slots.dropUnreceived()
        span += (lanes[part]?.slots.span ?? 0) - before
    }

    mutating func stop(until deadline: ContinuousClock.Instant) {
        guard stopUntil == nil else { return }
        stopUntil = deadline
        for part in lanes.indices { drain(part, until: deadline) }
    }

    private mutating func release(_ count: Int, _ part: Int) {
        lanes[part]?.bytes -= count
        bytes -= count
    }

    // MARK: Reading

    /// Where and how much to read of the lanes: a stretch, rows, bytes. Nil while there is no room.
    func laneRead(_ window: PostgresBackboneConfiguration.Window) -> (ReadPlan.Stretch, rows: Int, bytes: Int)? {
        let room = window.records - span
        let roomBytes = window.bytes - bytes - due.bytes
        // Small reads cost as much as large ones.
        guard room >= max(1, window.records / 8), roomBytes >= window.bytes / 8, let stretch = plan.next() else {
            return nil
        }
        return (stretch, min(room, 1_000), roomBytes)
    }

    /// Which lanes to read waiting attempts for, and how many rows: those that are held are read again.
    func dueRead(
        _ window: PostgresBackboneConfiguration.Window, at now: Timestamp
    ) -> (lanes: [Int], rows: Int, bytes: Int)? {
        guard let next = due.nextDue, next <= now.adding(seconds: 1), !isEnding, hasRoomForDue(window) else {
            return nil
        }
        let lanes = plan.parts.filter { !$0.value.isDraining }.keys.sorted()
        return lanes.isEmpty ? nil : (lanes, window.dueRecords, window.bytes - bytes - due.bytes)
    }

    func hasRoomForDue(_ window: PostgresBackboneConfiguration.Window) -> Bool {
        window.dueRecords - due.count >= max(1, window.dueRecords / 8)
            && window.bytes - bytes - due.bytes >= window.bytes / 8
    }

    /// What became of a read: rows of these lanes go to the worker.
    ///
    /// - Parameter started: deliveries whose later attempt waits: not to be started again.
    mutating func read(
        _ stretch: ReadPlan.Stretch, _ answer: LaneRowsStatement.Answer, started: Set<DeliveryID>,
        deliveries: [DeliveryID]
    ) {
        guard plan.didRead(stretch, to: answer.readTo) else { return }
        for part in stretch.parts where lanes[part]?.inheritedUpTo == nil {
            lanes[part]?.inheritedUpTo = answer.nextSeq - 1
        }
        for (index, row) in answer.rows.enumerated() {
            guard let epoch = lanes[row.lane]?.epoch, plan.needs(part: row.lane, row.seq) else { continue }
            let delivery = deliveries[index]
            if started.contains(delivery) || due.entries[delivery] != nil { continue }
            lanes[row.lane]?.slots.add(
                LaneSlots.Slot(
                    seq: row.seq, delivery: delivery, endpoint: row.endpoint, cause: row.cause, pos: row.pos,
                    configVersion: row.configVersion, firstDueAt: row.madeAt, bytes: row.envelope.count))
            lanes[row.lane]?.bytes += row.envelope.count
            bytes += row.envelope.count
            span += 1
            outbox.append(
                LaneRecord(
                    handle: LaneHandle(lane: row.lane, epoch: epoch, source: 0, offset: row.seq), delivery: delivery,
                    endpoint: row.endpoint, event: row.event, tenant: row.tenant, type: row.type, pos: row.pos,
                    cause: row.cause, attempt: 1, configVersion: row.configVersion, recordedAt: row.recordedAt,
                    firstDueAt: row.madeAt, envelope: row.envelope, trace: row.trace))
        }
    }

    /// Whether rows of the stretch may have been started before.
    func mayBeInherited(_ row: LaneRow) -> Bool {
        guard let lane = lanes[row.lane], plan.needs(part: row.lane, row.seq) else { return false }
        return lane.inheritedUpTo.map { row.seq <= $0 } ?? true
    }

    /// Moves attempts that are due to the worker's side.
    mutating func handOutDue(at now: Timestamp) {
        outbox.append(contentsOf: due.takeDue(at: now))
    }

    // MARK: The worker's side

    /// Records that the worker gets at a time, so that it can leave the rest where they are.
    private static let handOut = 512

    /// What there is for whoever waits.
    mutating func takeSignals(at now: ContinuousClock.Instant) -> LaneSignals? {
        guard !outbox.isEmpty || !lost.isEmpty || !gained.isEmpty || !recordedHandles.isEmpty else { return nil }
        let records = outbox.takeFirst(Self.handOut)
        for record in records {
            if record.handle.source == 0 {
                lanes[record.handle.lane]?.slots.receiveNext(at: now)
            } else {
                due.received(record.delivery, at: now)
            }
        }
        defer {
            lost = []
            gained = []
            recordedHandles = []
        }
        return LaneSignals(lost: lost, gained: gained, records: records, recorded: recordedHandles)
    }

    /// The waiter with what there is for it.
    mutating func takeWaiter(at now: ContinuousClock.Instant) -> (waiter: Waiter, signals: LaneSignals)? {
        guard let waiter, let signals = takeSignals(at: now) else { return nil }
        self.waiter = nil
        return (waiter, signals)
    }
}
