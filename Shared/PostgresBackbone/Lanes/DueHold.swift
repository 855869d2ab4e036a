internal import Backbone
internal import EventModel
internal import Store

/// The waiting attempts that a worker process has in memory: read because they are due within a second, out for delivery,
/// or moved to the due table while their attempt goes on. Bounded by who fills it. No I/O, no clock, no lock.
///
/// Rows are read by rising time. `horizon` is how far; whoever writes a row that is due earlier lowers it, and rows that
/// are held already are passed over when they are read again.
struct DueHold {
    enum Phase: Equatable {
        /// In memory until it is due.
        case pending
        /// The worker has it.
        case out(since: ContinuousClock.Instant)
        /// The worker has it as a lane record, whose copy the due table keeps.
        case moved
        /// Its outcome is on its way to the database.
        case settling
    }

    struct Entry {
        var lane: OwnedPart
        var phase: Phase
        var endpoint: EndpointID
        var cause: Cause
        var pos: Int64
        var configVersion: Int64
        var attempt: Int
        var firstDueAt: Timestamp
        var bytes: Int

        /// Since when the worker has it, as a waiting attempt.
        var outSince: ContinuousClock.Instant? {
            guard case .out(let since) = phase else { return nil }
            return since
        }
    }

    /// Before every row.
    private static let beginning = Timestamp(seconds: 0)

    private(set) var entries: [DeliveryID: Entry] = [:]
    private(set) var bytes = 0
    /// By falling time, so that the next one is the last.
    private var pending: [(due: Timestamp, record: LaneRecord)] = []
    /// Rows due up to here were read.
    private(set) var horizon = Self.beginning
    /// When there may be something to read; nil: nothing is known to wait.
    private(set) var nextDue: Timestamp? = Self.beginning
    /// Deliveries whose row changed while a read was under way: what it found is old.
    private var changedDuringRead: Set<DeliveryID>?
    private var lowestDuringRead: Timestamp?

    var count: Int { entries.count }

    /// When the first record in memory is due.
    var firstPending: Timestamp? { pending.last?.due }

    /// Ownership changed: everything that waits is looked at again.
    mutating func startOver() {
        wait(until: Self.beginning)
    }

    /// A row was written that is due then.
    mutating func wait(until due: Timestamp) {
        horizon = min(horizon, due)
        nextDue = nextDue.map { min($0, due) } ?? due
        if changedDuringRead != nil { lowestDuringRead = lowestDuringRead.map { min($0, due) } ?? due }
    }

    mutating func beginRead() {
        changedDuringRead = []
        lowestDuringRead = nil
    }

    /// - Parameter epoch: of a lane that is owned and read for; nil for others.
    mutating func endRead(_ answer: DueStatement.Answer, epoch: (Int) -> Int64?) {
        let changed = changedDuringRead ?? []
        for row in answer.rows {
            guard let epoch = epoch(row.lane), entries[row.delivery] == nil, !changed.contains(row.delivery) else {
                continue
            }
            add(row, OwnedPart(part: row.lane, epoch: epoch))
        }
        pending.sort { $0.due > $1.due }
        horizon = answer.readTo
        nextDue = answer.next
        changedDuringRead = nil
        if let lowestDuringRead { wait(until: lowestDuringRead) }
        lowestDuringRead = nil
    }

    /// The read failed: nothing was learnt.
    mutating func cancelRead() {
        changedDuringRead = nil
        lowestDuringRead = nil
    }

    /// The answer did not hold all that is due: there is more to read at once, when there is room.
    mutating func moreIsDue(at time: Timestamp) {
        nextDue = nextDue.map { min($0, time) } ?? time
    }

    private mutating func add(_ row: DueRow, _ lane: OwnedPart) {
        let handle = LaneHandle(lane: lane.part, epoch: lane.epoch, source: 1, offset: row.due.microseconds)
        let record = LaneRecord(
            handle: handle, delivery: row.delivery, endpoint: row.endpoint, event: row.event, tenant: row.tenant,
            type: row.type, pos: row.pos, cause: row.cause, attempt: row.attempt, configVersion: row.configVersion,
            recordedAt: row.recordedAt, firstDueAt: row.first, envelope: row.envelope, trace: row.trace)
        entries[row.delivery] = Entry(
            lane: lane, phase: .pending, endpoint: row.endpoint, cause: row.cause, pos: row.pos,
            configVersion: row.configVersion, attempt: row.attempt, firstDueAt: row.first,
            bytes: row.envelope.count)
        bytes += row.envelope.count
        pending.append((row.due, record))
    }

    /// Takes the records that are due.
    mutating func takeDue(at now: Timestamp) -> [LaneRecord] {
        var due: [LaneRecord] = []
        while let last = pending.last, last.due <= now {
            due.append(last.record)
            pending.removeLast()
        }
        return due
    }

    /// The worker got it.
    mutating func received(_ delivery: DeliveryID, at now: ContinuousClock.Instant) {
        entries[delivery]?.phase = .out(since: now)
    }

    /// A lane record is moved to the due table while the worker has it.
    mutating func move(_ slot: LaneSlots.Slot, lane: OwnedPart) {
        let entry = Entry(
            lane: lane, phase: .moved, endpoint: slot.endpoint, cause: slot.cause, pos: slot.pos,
            configVersion: slot.configVersion, attempt: 1, firstDueAt: slot.firstDueAt, bytes: slot.bytes)
        if let old = entries.updateValue(entry, forKey: slot.delivery) { bytes -= old.bytes }
        bytes += slot.bytes
        changedDuringRead?.insert(slot.delivery)
    }

    /// The worker is done with it. False when it does not have it.
    mutating func beginSettling(_ delivery: DeliveryID) -> Bool {
        switch entries[delivery]?.phase {
        case .out, .moved:
            entries[delivery]?.phase = .settling
            return true
        case .pending, .settling, nil: return false
        }
    }

    /// The outcome of a delivery that was held is durable: its row is gone, or waits for another time.
    mutating func settled(_ delivery: DeliveryID) {
        if let entry = entries.removeValue(forKey: delivery) { bytes -= entry.bytes }
        changedDuringRead?.insert(delivery)
    }

    /// A row was written for a delivery that is not held.
    mutating func written(_ delivery: DeliveryID, due: Timestamp) {
        changedDuringRead?.insert(delivery)
        wait(until: due)
    }

    /// The lane is another's.
    mutating func forget(lane: Int) {
        for (delivery, entry) in entries where entry.lane.part == lane {
            entries[delivery] = nil
            bytes -= entry.bytes
        }
        pending.removeAll { $0.record.handle.lane == lane }
    }

    /// Records of the lane that are in memory stay where they are for the next owner.
    mutating func dropPending(lane: Int) {
        for item in pending where item.record.handle.lane == lane { drop(item.record.delivery) }
        pending.removeAll { $0.record.handle.lane == lane }
    }

    /// The record is not in memory any more; its row is as it was.
    mutating func drop(_ delivery: DeliveryID) {
        if let entry = entries.removeValue(forKey: delivery) { bytes -= entry.bytes }
    }
}
