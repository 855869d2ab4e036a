/// Out-of-order completion over one partition of a log, with a contiguous mark: the pure core of every consumer that
/// commits offsets. No I/O, no clock, no lock.
///
///     window.add(offset); …; window.finish(offset)
///     commit(window.mark)      // everything below it is done
public struct LaneWindow: Sendable {
    /// Offsets from here on are not all done.
    public private(set) var mark: Int64
    /// Open offsets from `mark` on, in order of arrival; true: done.
    private var slots: Deque = Deque()
    public private(set) var openCount = 0

    /// - Parameter start: The first offset that is not known to be done.
    public init(start: Int64) {
        mark = start
    }

    /// The offset of the oldest open record, nil when there is none.
    public var head: Int64? { slots.first?.offset }

    /// How many offsets the window spans, done ones behind an open head included.
    public var span: Int { slots.count }

    /// Takes in the next record. Offsets rise; gaps (skipped records) count as done.
    public mutating func add(_ offset: Int64) {
        precondition(offset >= mark && offset > (slots.last?.offset ?? -1), "offsets of a partition rise")
        slots.append((offset, false))
        openCount += 1
    }

    /// Marks a record as done; false when it is not open here (done before, or of an earlier ownership).
    @discardableResult
    public mutating func finish(_ offset: Int64) -> Bool {
        guard let index = slots.index(of: offset), !slots[index].done else { return false }
        slots.finish(index)
        openCount -= 1
        while let first = slots.first, first.done {
            mark = first.offset + 1
            slots.removeFirst()
        }
        return true
    }

    /// Everything below `offset` was read and there is nothing open: idle partitions move too.
    public mutating func advance(to offset: Int64) {
        if slots.isEmpty, offset > mark { mark = offset }
    }

    /// A growing ring of (offset, done), found by binary search.
    struct Deque: Sendable {
        private var storage: [(offset: Int64, done: Bool)] = []
        private var start = 0

        var count: Int { storage.count - start }
        var isEmpty: Bool { count == 0 }
        var first: (offset: Int64, done: Bool)? { start < storage.count ? storage[start] : nil }
        var last: (offset: Int64, done: Bool)? { isEmpty ? nil : storage[storage.count - 1] }

        subscript(index: Int) -> (offset: Int64, done: Bool) { storage[start + index] }

        mutating func append(_ element: (offset: Int64, done: Bool)) {
            storage.append(element)
        }

        mutating func finish(_ index: Int) {
            storage[start + index].done = true
        }

        mutating func removeFirst() {
            start += 1
            if start >= 1_024, start * 2 >= storage.count {
                storage.removeFirst(start)
                start = 0
            }
        }

        func index(of offset: Int64) -> Int? {
            var low = start
            var high = storage.count
            while low < high {
                let middle = (low + high) / 2
                if storage[middle].offset < offset { low = middle + 1 } else { high = middle }
            }
            return low < storage.count && storage[low].offset == offset ? low - start : nil
        }
    }
}
