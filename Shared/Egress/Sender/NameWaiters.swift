/// Exchanges that wait for the addresses of their names.
struct NameWaiters {
    private var byName: [String: [PendingExchange]] = [:]
    /// No exchange's time is up before this.
    private(set) var nextDeadline = Int64.max

    /// True if it is the first that waits for this name.
    mutating func add(_ pending: PendingExchange, name: String) -> Bool {
        nextDeadline = min(nextDeadline, pending.deadline)
        byName[name, default: []].append(pending)
        return byName[name]?.count == 1
    }

    mutating func remove(name: String) -> [PendingExchange] {
        let removed = byName.removeValue(forKey: name) ?? []
        if byName.isEmpty { nextDeadline = .max }
        return removed
    }

    mutating func expire(now: Int64) -> [PendingExchange] {
        let expired = remove { $0.deadline <= now }
        nextDeadline = byName.values.joined().map(\.deadline).min() ?? .max
        return expired
    }

    /// A name that somebody has asked for stays in the table even if nobody waits any more: its answer is still to come.
    mutating func remove(where isMeant: (PendingExchange) -> Bool) -> [PendingExchange] {
        var removed: [PendingExchange] = []
        for (name, exchanges) in byName {
            let leaving = exchanges.filter(isMeant)
            guard !leaving.isEmpty else { continue }
            removed.append(contentsOf: leaving)
            byName[name] = exchanges.filter { !isMeant($0) }
        }
        return removed
    }
}
