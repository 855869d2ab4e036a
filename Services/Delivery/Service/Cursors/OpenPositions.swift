internal import EventModel

/// Positions that were read and are settled in any order. A value without I/O.
struct OpenPositions: Sendable {
    private var slots: [(pos: Int64, recordedAt: Timestamp, isDone: Bool)] = []
    private var start = 0
    private(set) var count = 0

    /// The lowest one that is not settled.
    var head: Int64? { start < slots.count ? slots[start].pos : nil }

    /// When its event was put on the feed.
    var headTime: Timestamp? { start < slots.count ? slots[start].recordedAt : nil }

    /// - Precondition: positions rise.
    mutating func add(_ pos: Int64, recordedAt: Timestamp) {
        precondition(slots.last.map { $0.pos < pos } ?? true, "a cursor reads on")
        slots.append((pos, recordedAt, false))
        count += 1
    }

    /// False when it is not open here.
    mutating func settle(_ pos: Int64) -> Bool {
        var (low, high) = (start, slots.count)
        while low < high {
            let middle = (low + high) / 2
            if slots[middle].pos < pos { low = middle + 1 } else { high = middle }
        }
        guard low < slots.count, slots[low].pos == pos, !slots[low].isDone else { return false }
        slots[low].isDone = true
        count -= 1
        while start < slots.count, slots[start].isDone { start += 1 }
        if start == slots.count {
            slots.removeAll(keepingCapacity: true)
            start = 0
        } else if start >= 256, start * 2 >= slots.count {
            slots.removeFirst(start)
            start = 0
        }
        return true
    }
}
