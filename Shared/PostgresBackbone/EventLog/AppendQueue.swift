internal import Backbone

/// What waits to be appended: bounded in events and bytes, and whoever finds it full is refused.
struct AppendQueue {
    private var requests: [AppendRequest] = []
    private var head = 0
    private(set) var events = 0
    private(set) var bytes = 0
    var isClosed = false

    var isEmpty: Bool { head == requests.count }

    /// When the oldest request came.
    var oldest: ContinuousClock.Instant? { isEmpty ? nil : requests[head].queuedAt }

    /// False when it is full. A request that is larger than the queue is taken while nothing waits.
    mutating func add(_ request: AppendRequest, _ bounds: PostgresBackboneConfiguration.Appending) -> Bool {
        let fits =
            events + request.events.count <= bounds.queuedEvents && bytes + request.bytes <= bounds.queuedBytes
        guard fits || isEmpty else { return false }
        requests.append(request)
        events += request.events.count
        bytes += request.bytes
        return true
    }

    /// Requests for one call, at least one if there is one: as many as fit.
    mutating func take(_ bounds: PostgresBackboneConfiguration.Appending) -> [AppendRequest] {
        var taken: [AppendRequest] = []
        var events = 0
        var bytes = 0
        while head < requests.count {
            let request = requests[head]
            guard
                taken.isEmpty
                    || (events + request.events.count <= bounds.batchEvents
                        && bytes + request.bytes <= bounds.batchBytes)
            else { break }
            events += request.events.count
            bytes += request.bytes
            taken.append(request)
            head += 1
        }
        self.events -= events
        self.bytes -= bytes
        forgetTaken()
        return taken
    }

    private mutating func forgetTaken() {
        if head == requests.count {
            requests.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= 1_024, head * 2 >= requests.count {
            requests.removeFirst(head)
            head = 0
        }
    }

    /// Takes out every request that came before `time`: they have waited long enough.
    mutating func takeOlder(than time: ContinuousClock.Instant) -> [AppendRequest] {
        var taken: [AppendRequest] = []
        while head < requests.count, requests[head].queuedAt < time {
            taken.append(requests[head])
            events -= requests[head].events.count
            bytes -= requests[head].bytes
            head += 1
        }
        forgetTaken()
        return taken
    }

    mutating func takeAll() -> [AppendRequest] {
        defer {
            requests = []
            head = 0
            events = 0
            bytes = 0
        }
        return Array(requests[head...])
    }
}
