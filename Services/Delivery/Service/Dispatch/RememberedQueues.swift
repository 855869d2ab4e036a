internal import EventModel

/// Endpoints that have nothing to do now and whose last attempt failed: a breaker counts failures in a row however far apart
/// they are. Bounded in number and in time; those that have rested for longest go first. A value without I/O or clock.
struct RememberedQueues: Sendable {
    private struct Entry {
        let queue: EndpointQueue
        let since: Timestamp
        let number: Int64
    }

    /// How many endpoints are remembered at most: some hundred bytes each.
    private let capacity: Int
    /// For how long, in microseconds.
    private let memory: Int64
    private var entries: [EndpointID: Entry] = [:]
    /// As they came; those that were taken out meanwhile, or came again, are passed over.
    private var order: [(endpoint: EndpointID, number: Int64)] = []
    private var first = 0
    private var lastNumber: Int64 = 0
    /// Those whose breaker is open.
    private(set) var open: Set<EndpointID> = []

    init(capacity: Int = 16_384, memory: Int64 = 7_200_000_000) {
        self.capacity = capacity
        self.memory = memory
    }

    var count: Int { entries.count }
    /// What `order` takes.
    var places: Int { order.count }

    subscript(endpoint: EndpointID) -> EndpointQueue? { entries[endpoint]?.queue }

    mutating func add(_ queue: EndpointQueue, of endpoint: EndpointID, at now: Timestamp) {
        lastNumber += 1
        entries[endpoint] = Entry(queue: queue.resting(), since: now, number: lastNumber)
        if queue.breaker.isOpen { open.insert(endpoint) } else { open.remove(endpoint) }
        order.append((endpoint, lastNumber))
        trim(at: now)
    }

    /// It has something to do again.
    mutating func take(_ endpoint: EndpointID) -> EndpointQueue? {
        open.remove(endpoint)
        return entries.removeValue(forKey: endpoint)?.queue
    }

    /// What another worker's attempts say from now on.
    mutating func forget(lanes: Set<Int>) {
        for (endpoint, entry) in entries where entry.queue.lane.map(lanes.contains) ?? false { _ = take(endpoint) }
    }

    /// Forgets what is too old or too much.
    mutating func trim(at now: Timestamp) {
        while first < order.count {
            let (endpoint, number) = order[first]
            if let entry = entries[endpoint], entry.number == number {
                guard entries.count > capacity || now.microseconds(since: entry.since) > memory else { break }
                _ = take(endpoint)
            }
            first += 1
        }
        // What comes and goes often leaves places behind.
        guard order.count > 2 * entries.count + 64 else { return }
        order = order[first...].filter { entries[$0.endpoint]?.number == $0.number }
        first = 0
    }
}

extension Dispatcher.State {
    /// An endpoint's queue, taken out so that what waits is not copied with each change; put it back with `keep`.
    mutating func takeQueue(of endpoint: EndpointID) -> EndpointQueue? {
        queues.removeValue(forKey: endpoint) ?? remembered.take(endpoint)
    }

    mutating func keep(_ queue: EndpointQueue, of endpoint: EndpointID, at now: Timestamp) {
        if !queue.isResting(at: now) {
            queues[endpoint] = queue
        } else if queue.breaker.hasFailures {
            remembered.add(queue, of: endpoint, at: now)
        }
    }

    /// As it is now; nil where there is nothing to say.
    func queue(of endpoint: EndpointID) -> EndpointQueue? { queues[endpoint] ?? remembered[endpoint] }
}
