internal import EventModel

/// The records of one lane that are out, by rising `seq`: done in any order, with the point up to which all are done.
/// No I/O, no clock, no lock.
struct LaneSlots {
    /// What has to be known of a record that is out, to put it somewhere else.
    struct Slot {
        var seq: Int64
        var delivery: DeliveryID
        var endpoint: EndpointID
        var cause: Cause
        var pos: Int64
        var configVersion: Int64
        var firstDueAt: Timestamp
        var bytes: Int
        /// Nil: the worker does not have it yet.
        var receivedAt: ContinuousClock.Instant?
        var isDone = false
    }

    private var slots: [Slot] = []
    private var start = 0
    /// The first slot that the worker does not have.
    private var unreceived = 0

    /// How many records it spans, done ones behind an open head included.
    var span: Int { slots.count - start }

    /// The oldest record that is not done.
    var head: Slot? { start < slots.count ? slots[start] : nil }

    /// Whether the worker has records that are not done.
    var isHeld: Bool { start < unreceived }

    /// The first record that the worker does not have.
    var firstUnreceived: Int64? { unreceived < slots.count ? slots[unreceived].seq : nil }

    /// - Precondition: `seq` rises.
    mutating func add(_ slot: Slot) {
        precondition(slots.isEmpty || start == slots.count || slots[slots.count - 1].seq < slot.seq, "seq rises")
        slots.append(slot)
    }

    /// The worker got the next record.
    mutating func receiveNext(at now: ContinuousClock.Instant) {
        slots[unreceived].receivedAt = now
        unreceived += 1
    }

    /// Marks a record as done; nil when it is not open here (done before, moved, or of an earlier ownership).
    mutating func finish(_ seq: Int64) -> Slot? {
        guard let index = index(of: seq), !slots[index].isDone else { return nil }
        slots[index].isDone = true
        let slot = slots[index]
        while start < slots.count, slots[start].isDone { start += 1 }
        unreceived = max(unreceived, start)
        compact()
        return slot
    }

    /// Takes out the records that the worker does not have: they stay where they are for the next owner.
    mutating func dropUnreceived() {
        slots.removeSubrange(max(unreceived, start)...)
    }

    /// The open records that the worker has.
    var held: [Slot] {
        slots[start..<max(unreceived, start)].filter { !$0.isDone }
    }

    private mutating func compact() {
        if start == slots.count {
            slots.removeAll(keepingCapacity: true)
            start = 0
            unreceived = 0
        } else if start >= 1_024, start * 2 >= slots.count {
            slots.removeFirst(start)
            unreceived -= start
            start = 0
        }
    }

    private func index(of seq: Int64) -> Int? {
        var low = start
        var high = slots.count
        while low < high {
            let middle = (low + high) / 2
            if slots[middle].seq < seq { low = middle + 1 } else { high = middle }
        }
        return low < slots.count && slots[low].seq == seq ? low : nil
    }
}
