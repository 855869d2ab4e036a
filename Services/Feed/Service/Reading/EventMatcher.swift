internal import EventModel
internal import Store

/// Which events a reader wants, judged in memory: the same rule as `FeedFilter` has in SQL.
struct EventMatcher: Sendable {
    let tenant: TenantID
    let types: SubscriptionFilter
    let smith: String?
    let since: Timestamp?
    let until: Timestamp?

    init(_ filter: FeedFilter) {
        tenant = filter.tenant
        types = SubscriptionFilter((filter.families ?? []).map { SubscriptionPattern(family: $0) })
        smith = filter.smith
        since = filter.since
        until = filter.until
    }

    func matches(_ entry: RingEntry) -> Bool {
        entry.tenant == tenant && (smith == nil || entry.smith == smith) && isInTime(entry)
            && (types.isEverything || types.matches(entry.type))
    }

    func isInTime(_ entry: RingEntry) -> Bool {
        (since.map { $0 <= entry.recordedAt } ?? true) && (until.map { entry.recordedAt < $0 } ?? true)
    }
}

/// One event in the ring.
struct RingEntry: Sendable {
    let pos: Int64
    let recordedAt: Timestamp
    let tenant: TenantID
    let type: EventType
    let smith: String?
    let envelope: [UInt8]

    init(_ item: FeedTail.Item) {
        guard let type = EventType(item.type) else { preconditionFailure("a stored event has a valid type") }
        pos = item.pos
        recordedAt = item.recordedAt
        tenant = item.tenant
        self.type = type
        smith = item.smith
        envelope = item.envelope
    }

    /// What it takes in memory, in bytes: the envelope and, roughly, all that stands around it.
    var size: Int { envelope.count + 256 }
}
