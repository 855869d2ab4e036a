internal import EventModel
internal import Store

/// The newest stretch of the feed, all tenants', bounded in bytes: every event with `floor < pos <= edge` is in it. No I/O,
/// no lock.
///
/// Entries are found by tenant, and by position within a tenant, so a reader costs what it reads and not what others wrote.
struct FeedRing: Sendable {
    /// What a reader gets in one go.
    struct Stretch {
        var entries: [RingEntry]
        /// Everything up to here has been looked at.
        var edge: Int64
        /// The stretch was cut: there may be more behind the edge.
        var hasMore: Bool
    }

    /// Entries that one call looks through: the ring's lock is held meanwhile.
    private static let scanLimit = 4_096

    let epoch: UInt32
    private let capacity: Int
    private var entries: Queue<RingEntry> = Queue()
    /// The number of the first entry; numbers count all entries that ever were in the ring.
    private var firstNumber = 0
    private var byTenant: [TenantID: Queue<Int>] = [:]
    private(set) var bytes = 0
    private(set) var floor: Int64
    private(set) var edge: Int64

    /// An empty ring behind `pos`.
    ///
    /// - Parameter capacity: In bytes; the newest entry is kept however large it is.
    init(behind pos: Int64, epoch: UInt32, capacity: Int) {
        self.epoch = epoch
        self.capacity = capacity
        floor = pos
        edge = pos
    }

    var count: Int { entries.count }

    /// Takes in the next stretch of the feed and forgets the oldest where there is no room.
    mutating func append(_ items: [RingEntry], edge newEdge: Int64) {
        precondition(newEdge >= edge, "the feed only grows")
        for entry in items {
            precondition(entry.pos > edge, "positions rise")
            edge = entry.pos
            byTenant[entry.tenant, default: Queue()].append(firstNumber + entries.count)
            bytes += entry.size
            entries.append(entry)
        }
        edge = newEdge
        while bytes > capacity, entries.count > 1 { forgetFirst() }
    }

    private mutating func forgetFirst() {
        let entry = entries.removeFirst()
        firstNumber += 1
        bytes -= entry.size
        floor = entry.pos
        byTenant[entry.tenant]?.removeFirst()
        if byTenant[entry.tenant]?.isEmpty == true { byTenant[entry.tenant] = nil }
    }

    /// What a reader who has seen everything up to `after` gets next; nil when the ring does not reach back that far.
    func stretch(_ matcher: EventMatcher, after: Int64, limit: Int, bytes limitBytes: Int) -> Stretch? {
        guard after >= floor else { return nil }
        var stretch = Stretch(entries: [], edge: max(after, edge), hasMore: false)
        guard let numbers = byTenant[matcher.tenant] else { return stretch }
        var size = 0
        var scanned = 0
        for index in firstIndex(in: numbers, after: after)..<numbers.count {
            let entry = entries[numbers[index] - firstNumber]
            let isFull = stretch.entries.count == limit || size + entry.envelope.count > limitBytes
            if scanned == Self.scanLimit || isFull && !stretch.entries.isEmpty {
                stretch.hasMore = true
                return stretch
            }
            scanned += 1
            if matcher.matches(entry) {
                stretch.entries.append(entry)
                size += entry.envelope.count
            }
            stretch.edge = entry.pos
        }
        stretch.edge = max(after, edge)
        return stretch
    }

    /// Binary search: numbers rise with positions.
    private func firstIndex(in numbers: Queue<Int>, after: Int64) -> Int {
        var low = 0
        var high = numbers.count
        while low < high {
            let middle = (low + high) / 2
            if entries[numbers[middle] - firstNumber].pos <= after { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// An array that gives up its front cheaply.
struct Queue<Element: Sendable>: Sendable {
    private var storage: [Element?] = []
    private var start = 0

    var count: Int { storage.count - start }
    var isEmpty: Bool { count == 0 }

    subscript(index: Int) -> Element {
        guard let element = storage[start + index] else { preconditionFailure("an index beyond the queue") }
        return element
    }

    mutating func append(_ element: Element) { storage.append(element) }

    @discardableResult
    mutating func removeFirst() -> Element {
        guard start < storage.count, let element = storage[start] else { preconditionFailure("the queue is empty") }
        // Freed at once: what is behind may live long.
        storage[start] = nil
        start += 1
        if start >= 64, start * 2 >= storage.count {
            storage.removeFirst(start)
            start = 0
        }
        return element
    }
}
