internal import EventModel

/// Finds the readers that want an event without asking each: by tenant and smith, then by family of type. No I/O, no lock.
struct SubscriberIndex: Sendable {
    private struct Key: Hashable {
        let tenant: TenantID
        /// Nil: readers of every smith.
        let smith: String?
    }

    private struct Bucket {
        var everything: Set<Int> = []
        var families: [String: Set<Int>] = [:]

        var isEmpty: Bool { everything.isEmpty && families.isEmpty }
    }

    private var buckets: [Key: Bucket] = [:]

    mutating func insert(_ id: Int, _ matcher: EventMatcher) {
        let key = Key(tenant: matcher.tenant, smith: matcher.smith)
        for pattern in matcher.types.patterns {
            if let family = pattern.family {
                buckets[key, default: Bucket()].families[family.text, default: []].insert(id)
            } else {
                buckets[key, default: Bucket()].everything.insert(id)
            }
        }
    }

    mutating func remove(_ id: Int, _ matcher: EventMatcher) {
        let key = Key(tenant: matcher.tenant, smith: matcher.smith)
        guard var bucket = buckets.removeValue(forKey: key) else { return }
        for pattern in matcher.types.patterns {
            if let family = pattern.family {
                bucket.families[family.text]?.remove(id)
                if bucket.families[family.text]?.isEmpty == true { bucket.families[family.text] = nil }
            } else {
                bucket.everything.remove(id)
            }
        }
        if !bucket.isEmpty { buckets[key] = bucket }
    }

    /// Calls `body` once for each reader that wants the event. (Its patterns are reduced: no two of them match one type.)
    func forEach(_ entry: RingEntry, _ body: (Int) -> Void) {
        visit(Key(tenant: entry.tenant, smith: nil), entry.type, body)
        if let smith = entry.smith { visit(Key(tenant: entry.tenant, smith: smith), entry.type, body) }
    }

    private func visit(_ key: Key, _ type: EventType, _ body: (Int) -> Void) {
        guard let bucket = buckets[key] else { return }
        for id in bucket.everything { body(id) }
        guard !bucket.families.isEmpty else { return }
        for id in bucket.families[type.text] ?? [] { body(id) }
        var rest = type.text[...]
        while let dot = rest.lastIndex(of: ".") {
            rest = rest[..<dot]
            for id in bucket.families[String(rest)] ?? [] { body(id) }
        }
    }
}
