internal import Backbone
internal import EventModel

/// Records that wait in memory until they are due: the earliest first.
struct DueHeap {
    private var entries: [(due: Timestamp, handle: LaneHandle)] = []

    var first: Timestamp? { entries.first?.due }

    mutating func add(_ handle: LaneHandle, due: Timestamp) {
        entries.append((due, handle))
        var index = entries.count - 1
        while index > 0, entries[index].due < entries[(index - 1) / 2].due {
            entries.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    /// The earliest, when it is due.
    mutating func pop(at now: Timestamp) -> LaneHandle? {
        guard let first = entries.first, first.due <= now else { return nil }
        let last = entries.removeLast()
        if !entries.isEmpty {
            entries[0] = last
            sink()
        }
        return first.handle
    }

    private mutating func sink() {
        var index = 0
        while true {
            let left = 2 * index + 1
            guard left < entries.count else { return }
            let right = left + 1
            let smaller = right < entries.count && entries[right].due < entries[left].due ? right : left
            guard entries[smaller].due < entries[index].due else { return }
            entries.swapAt(index, smaller)
            index = smaller
        }
    }
}
