internal import Backbone
internal import EventModel

/// The records of one partition that were read and are not all done, by rising offset. No I/O, no clock, no lock.
struct RecordWindow {
    enum Phase {
        /// In memory: not due yet, or on its way to the worker.
        case waiting
        /// The worker has it.
        case out(since: ContinuousClock.Instant)
        /// What it comes to is being written.
        case recording
        case done
    }

    /// A record, with what a copy of it needs.
    struct Slot {
        var offset: Int64
        var phase: Phase
        /// Nil once it is done, or where it could not be read.
        var record: LaneRecord?
        var due: Timestamp?
        var relocation: Int64?
        var unknown: [UInt8] = []

        var bytes: Int { record?.envelope.count ?? 0 }
        var isDone: Bool { if case .done = phase { true } else { false } }
        var isWaiting: Bool { if case .waiting = phase { true } else { false } }
        var since: ContinuousClock.Instant? { if case .out(let since) = phase { since } else { nil } }
    }

    private var slots: [Slot] = []
    private var start = 0
    /// The offset behind the last record.
    private(set) var next: Int64 = 0
    /// `mark`, once there was a record.
    var readMark: Int64? { next > 0 ? mark : nil }
    private(set) var openCount = 0

    /// How many records it spans, done ones behind an open head included.
    var span: Int { slots.count - start }
    /// Everything below is done.
    var mark: Int64 { start < slots.count ? slots[start].offset : next }
    /// All of it, open and done.
    var all: ArraySlice<Slot> { slots[start...] }

    mutating func add(_ slot: Slot) {
        precondition(slot.offset >= next, "offsets of a partition rise")
        slots.append(slot)
        next = slot.offset + 1
        openCount += 1
    }

    subscript(offset: Int64) -> Slot? { index(of: offset).map { slots[$0] } }

    mutating func setPhase(_ phase: Phase, of offset: Int64) {
        if let index = index(of: offset) { slots[index].phase = phase }
    }

    /// Marks a record as done; nil when it is not open here.
    mutating func finish(_ offset: Int64) -> Slot? {
        guard let index = index(of: offset), !slots[index].isDone else { return nil }
        let slot = slots[index]
        slots[index].phase = .done
        slots[index].record = nil
        openCount -= 1
        while start < slots.count, slots[start].isDone { start += 1 }
        compact()
        return slot
    }

    private mutating func compact() {
        if start == slots.count {
            slots.removeAll(keepingCapacity: true)
            start = 0
        } else if start >= 1_024, start * 2 >= slots.count {
            slots.removeFirst(start)
            start = 0
        }
    }

    private func index(of offset: Int64) -> Int? {
        var low = start
        var high = slots.count
        while low < high {
            let middle = (low + high) / 2
            if slots[middle].offset < offset { low = middle + 1 } else { high = middle }
        }
        return low < slots.count && slots[low].offset == offset ? low : nil
    }
}
