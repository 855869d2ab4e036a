/// What the resolver knows about names, and which look-up is due: no threads, no clock, no waiting in here.
///
/// A name that was ever slow or failed is a *suspect*; one that never answered is *unknown*. Suspects get at most half of
/// the threads and both together three quarters, so that names whose servers are dead keep neither the refreshes of
/// good names nor each other from being looked up.
struct NameTable {
    typealias Instant = ContinuousClock.Instant
    typealias Answer = Result<[IPAddress], ResolveError>
    typealias Waiter = @Sendable (Answer) -> Void

    enum Standing: Sendable {
        case unknown, good, suspect
    }

    private enum Lookup {
        case none, queued
        case running(since: Instant)
    }

    private struct Entry {
        var addresses: [IPAddress] = []
        /// When `addresses` were answered.
        var resolvedAt: Instant?
        var failure: (error: ResolveError, at: Instant)?
        var standing = Standing.unknown
        var lookup = Lookup.none
        var waiters: [(id: UInt64, waiter: Waiter)] = []
        var usedAt: Instant
    }

    enum Reply {
        case answer(Answer)
        /// The waiter is kept and answered by `finish`, `expire` or `stop`.
        case waiting
    }

    let limits: Resolver.Limits
    private var entries: [String: Entry] = [:]
    private var good = NameQueue()
    private var unknown = NameQueue()
    private var suspects = NameQueue()
    private var running: [String: Instant] = [:]
    /// All look-ups have the same time to answer, so the order of arrival is the order of the deadlines.
    private var deadlines: [(at: Instant, name: String, id: UInt64)] = []
    private var firstDeadline = 0
    private var nextWaiter: UInt64 = 0
    private var takesNewest = false

    init(limits: Resolver.Limits) {
        self.limits = limits
    }

    /// Look-ups that no thread has taken yet.
    var queued: Int { good.count + unknown.count + suspects.count }

    var count: Int { entries.count }

    /// Answers from memory if it may, and queues the look-ups that are due; else keeps the waiter.
    mutating func ask(_ name: String, now: Instant, waiter: @autoclosure () -> Waiter) -> Reply {
        guard entries[name] != nil || makeRoom(now: now) else {
            return .answer(.failure(ResolveError(.overloaded, "too many names wait for their addresses")))
        }
        var entry = entries.removeValue(forKey: name) ?? Entry(usedAt: now)
        defer { entries[name] = entry }
        entry.usedAt = now
        let failedLately = entry.failure.map { now - $0.at < limits.pauseAfterFailure } ?? false
        if let resolvedAt = entry.resolvedAt, now - resolvedAt < limits.staleFor {
            let age = now - resolvedAt
            if age >= limits.refreshAfter, !failedLately { queue(name, &entry) }
            // Nobody waits for the servers of a name that is known to be slow while there is an answer to go on with.
            if age < limits.freshFor || failedLately || entry.standing == .suspect {
                return .answer(.success(entry.addresses))
            }
        } else if failedLately, let failure = entry.failure {
            return .answer(.failure(failure.error))
        }
        queue(name, &entry)
        nextWaiter += 1
        entry.waiters.append((nextWaiter, waiter()))
        deadlines.append((now + limits.lookupDeadline, name, nextWaiter))
        return .waiting
    }

    private mutating func queue(_ name: String, _ entry: inout Entry) {
        guard case .none = entry.lookup else { return }
        entry.lookup = .queued
        switch entry.standing {
        case .good: good.append(name)
        case .unknown: unknown.append(name)
        case .suspect: suspects.append(name)
        }
    }

    /// The look-up that a free thread shall do now; nil if there is none, or none that may take another thread.
    mutating func next(now: Instant) -> String? {
        var doubtful = 0
        var slow = 0
        for (name, since) in running {
            let standing = entries[name]?.standing ?? .unknown
            let isSlow = standing == .suspect || now - since >= limits.suspectAfter
            if isSlow { slow += 1 }
            if isSlow || standing == .unknown { doubtful += 1 }
        }
        var name = good.popFirst()
        if name == nil, doubtful < limits.doubtfulThreads {
            // From both ends in turn: a name that has just come does not wait behind hundreds of dead ones.
            name = takesNewest ? unknown.popLast() : unknown.popFirst()
            takesNewest.toggle()
        }
        if name == nil, doubtful < limits.doubtfulThreads, slow < limits.suspectThreads { name = suspects.popFirst() }
        guard let name else { return nil }
        entries[name]?.lookup = .running(since: now)
        running[name] = now
        return name
    }

    /// Takes the result of a look-up that `next` gave out; returns whom to answer with what.
    mutating func finish(_ name: String, _ result: Answer, now: Instant) -> (waiters: [Waiter], answer: Answer) {
        let since = running.removeValue(forKey: name) ?? now
        let wasSlow = now - since >= limits.suspectAfter
        var entry = entries[name] ?? Entry(usedAt: now)
        entry.lookup = .none
        let answer: Answer
        switch result {
        case .success(let addresses):
            entry.addresses = addresses
            entry.resolvedAt = now
            entry.failure = nil
            entry.standing = wasSlow ? .suspect : .good
            answer = result
        case .failure(let error):
            entry.failure = (error, now)
            if error.code == .notFound {
                // The name's owner says that it is gone: what was true before is not stale but wrong.
                entry.resolvedAt = nil
                entry.addresses = []
                entry.standing = wasSlow ? .suspect : .unknown
            } else {
                entry.standing = .suspect
            }
            answer = stale(entry, now: now) ?? result
        }
        let waiters = entry.waiters.map(\.waiter)
        entry.waiters = []
        entries[name] = entry
        return (waiters, answer)
    }

    private func stale(_ entry: Entry, now: Instant) -> Answer? {
        guard let resolvedAt = entry.resolvedAt, now - resolvedAt < limits.staleFor else { return nil }
        return .success(entry.addresses)
    }

    /// When the next waiter's time is up.
    var nextDeadline: Instant? {
        firstDeadline < deadlines.count ? deadlines[firstDeadline].at : nil
    }

    /// Takes out the waiters whose time is up; they go on with what was known before, if it is not too old.
    mutating func expire(now: Instant) -> [(waiter: Waiter, answer: Answer)] {
        var expired: [(waiter: Waiter, answer: Answer)] = []
        while firstDeadline < deadlines.count, deadlines[firstDeadline].at <= now {
            let (_, name, id) = deadlines[firstDeadline]
            firstDeadline += 1
            guard var entry = entries[name], let index = entry.waiters.firstIndex(where: { $0.id == id }) else {
                continue
            }
            let waiter = entry.waiters.remove(at: index).waiter
            entries[name] = entry
            let answer = stale(entry, now: now)
            expired.append(
                (waiter, answer ?? .failure(ResolveError(.timedOut, "no answer for the name within its time"))))
        }
        if firstDeadline > 1024, firstDeadline * 2 > deadlines.count {
            deadlines.removeFirst(firstDeadline)
            firstDeadline = 0
        }
        return expired
    }

    /// Takes out all waiters.
    mutating func stop() -> [Waiter] {
        let waiters = entries.values.flatMap { $0.waiters.map(\.waiter) }
        entries = [:]
        deadlines = []
        firstDeadline = 0
        (good, unknown, suspects) = (NameQueue(), NameQueue(), NameQueue())
        return waiters
    }

    /// Whether there is room for another name, after forgetting what nobody asked for.
    private mutating func makeRoom(now: Instant) -> Bool {
        guard entries.count >= limits.names else { return true }
        let idle = entries.filter { _, entry in
            if case .none = entry.lookup { return entry.waiters.isEmpty }
            return false
        }
        let old = idle.filter { now - $0.value.usedAt > limits.staleFor }
        // A tenth at a time, so that a full table does not sort itself for each new name.
        let leaving =
            old.isEmpty
            ? Array(idle.sorted { $0.value.usedAt < $1.value.usedAt }.prefix(limits.names / 10 + 1)) : Array(old)
        for (name, _) in leaving { entries[name] = nil }
        return entries.count < limits.names
    }
}

/// Names in order of arrival, taken from either end.
struct NameQueue {
    private var names: [String] = []
    private var head = 0

    var count: Int { names.count - head }

    mutating func append(_ name: String) {
        names.append(name)
    }

    mutating func popFirst() -> String? {
        guard head < names.count else { return nil }
        defer {
            head += 1
            if head == names.count || head > 1024 && head * 2 > names.count {
                names.removeFirst(head)
                head = 0
            }
        }
        return names[head]
    }

    mutating func popLast() -> String? {
        head < names.count ? names.removeLast() : nil
    }
}
