internal import Backbone
internal import EventModel

/// Events of cursors that were read and wait to be sent, and whose turn it is: deficit round robin over tenants, and each
/// tenant's cursors in turn. A cursor that cannot go on sleeps until its time or until something of its endpoint ends, so a
/// turn costs nothing for endpoints that do not answer. A value without I/O or clock.
struct CursorSchedule: Sendable {
    private struct Feed {
        let tenant: TenantID
        let endpoint: EndpointID
        let rate: Double?
        var pace = StartPace()
        var records: [LaneRecord] = []
        var first = 0
        var bytes = 0
        /// It stands in its tenant's row.
        var isListed = false
        /// It sleeps until then at the latest; nil: awake.
        var sleepsUntil: Timestamp?

        var count: Int { records.count - first }
    }

    private struct Tenant {
        /// What it may still send in this turn.
        var deficit = 0
        /// Cursors that are awake and have something, in turn.
        var cursors: [CursorID] = []
    }

    /// What a tenant may send in a turn: one for each event and one for each 16 KiB of it.
    private static let quantum = 32

    private var feeds: [CursorID: Feed] = [:]
    private var ofEndpoint: [EndpointID: [CursorID]] = [:]
    private var tenants: [TenantID: Tenant] = [:]
    /// Tenants with cursors that are awake, in turn.
    private var turns: [TenantID] = []
    private var sleeping: Set<CursorID> = []
    /// When the first of those that sleep wakes, or before that.
    private(set) var nextWake: Timestamp?
    private(set) var bytes = 0
    /// How many events wait.
    private(set) var count = 0

    var isEmpty: Bool { feeds.isEmpty }
    /// Whether any of them could be asked.
    var isAwake: Bool { !turns.isEmpty }

    /// How many events of the cursor wait.
    func count(of cursor: CursorID) -> Int { feeds[cursor]?.count ?? 0 }

    mutating func add(_ cursor: DeliveryCursor) {
        guard feeds[cursor.id] == nil else { return }
        feeds[cursor.id] = Feed(tenant: cursor.tenant, endpoint: cursor.endpoint, rate: cursor.ratePerSecond)
        ofEndpoint[cursor.endpoint, default: []].append(cursor.id)
    }

    /// Drops it and what waits; answers the handles' offsets of that.
    @discardableResult
    mutating func remove(_ cursor: CursorID) -> [Int64] {
        guard let feed = feeds.removeValue(forKey: cursor) else { return [] }
        bytes -= feed.bytes
        count -= feed.count
        sleeping.remove(cursor)
        ofEndpoint[feed.endpoint]?.removeAll { $0 == cursor }
        if ofEndpoint[feed.endpoint]?.isEmpty == true { ofEndpoint[feed.endpoint] = nil }
        if feed.isListed { unlist(cursor, feed.tenant) }
        return feed.records[feed.first...].map(\.handle.offset)
    }

    mutating func append(_ records: [LaneRecord], to cursor: CursorID) {
        guard feeds[cursor] != nil else { return }
        for record in records {
            feeds[cursor]?.bytes += record.envelope.count
            bytes += record.envelope.count
        }
        feeds[cursor]?.records.append(contentsOf: records)
        count += records.count
        list(cursor)
    }

    /// One that did not go out after all is the next again.
    mutating func putBack(_ record: LaneRecord, to cursor: CursorID, until time: Timestamp) {
        guard var feed = feeds.removeValue(forKey: cursor) else { return }
        feed.records.insert(record, at: feed.first)
        count += 1
        feed.bytes += record.envelope.count
        bytes += record.envelope.count
        feeds[cursor] = feed
        sleep(cursor, until: time)
    }

    // MARK: Turns

    /// Whose turn it is, with what it would send.
    mutating func next(at now: Timestamp) -> (cursor: CursorID, record: LaneRecord)? {
        while let tenant = turns.first {
            if (tenants[tenant]?.deficit ?? 0) <= 0 {
                tenants[tenant]?.deficit += Self.quantum
                if turns.count > 1 {
                    turns.append(turns.removeFirst())
                    continue
                }
            }
            guard let cursor = tenants[tenant]?.cursors.first, let feed = feeds[cursor] else {
                turns.removeFirst()
                tenants[tenant] = nil
                continue
            }
            if !feed.pace.admits(at: now, feed.rate) {
                sleep(cursor, until: feed.pace.nextStart(feed.rate))
                continue
            }
            return (cursor, feed.records[feed.first])
        }
        return nil
    }

    /// It goes out, or is over; the tenant's next cursor is the next to be asked.
    mutating func take(_ cursor: CursorID, at now: Timestamp) {
        guard var feed = feeds.removeValue(forKey: cursor) else { return }
        let size = feed.records[feed.first].envelope.count
        feed.first += 1
        if feed.first == feed.records.count {
            feed.records.removeAll(keepingCapacity: true)
            feed.first = 0
        } else if feed.first >= 256 {
            feed.records.removeFirst(feed.first)
            feed.first = 0
        }
        feed.bytes -= size
        count -= 1
        bytes -= size
        feed.pace.started(at: now, feed.rate)
        let isDone = feed.count == 0
        if isDone { feed.isListed = false }
        feeds[cursor] = feed
        tenants[feed.tenant]?.deficit -= 1 + size / 16_384
        guard var row = tenants[feed.tenant]?.cursors, let index = row.firstIndex(of: cursor) else { return }
        row.remove(at: index)
        if !isDone { row.append(cursor) }
        tenants[feed.tenant]?.cursors = row
        if row.isEmpty { leave(feed.tenant) }
    }

    /// It cannot go on: not before `time`, or until something of its endpoint ends.
    mutating func sleep(_ cursor: CursorID, until time: Timestamp?) {
        guard let feed = feeds[cursor] else { return }
        if feed.isListed { unlist(cursor, feed.tenant) }
        feeds[cursor]?.isListed = false
        feeds[cursor]?.sleepsUntil = time ?? .distant
        sleeping.insert(cursor)
        if let time { nextWake = nextWake.map { min($0, time) } ?? time }
    }

    /// Something of the endpoint has ended.
    mutating func wake(_ endpoint: EndpointID) {
        guard !sleeping.isEmpty, let cursors = ofEndpoint[endpoint] else { return }
        for cursor in cursors { wake(cursor) }
    }

    private mutating func wake(_ cursor: CursorID) {
        guard sleeping.remove(cursor) != nil else { return }
        feeds[cursor]?.sleepsUntil = nil
        list(cursor)
    }

    /// Wakes those whose time has come.
    mutating func tick(at now: Timestamp) {
        var next: Timestamp?
        for cursor in sleeping {
            guard let time = feeds[cursor]?.sleepsUntil else { continue }
            if time <= now { wake(cursor) } else if time < .distant { next = next.map { min($0, time) } ?? time }
        }
        nextWake = next
    }

    private mutating func list(_ cursor: CursorID) {
        guard let feed = feeds[cursor], !feed.isListed, feed.count > 0, feed.sleepsUntil == nil else { return }
        feeds[cursor]?.isListed = true
        if tenants[feed.tenant] == nil {
            tenants[feed.tenant] = Tenant()
            turns.append(feed.tenant)
        }
        tenants[feed.tenant]?.cursors.append(cursor)
    }

    private mutating func unlist(_ cursor: CursorID, _ tenant: TenantID) {
        tenants[tenant]?.cursors.removeAll { $0 == cursor }
        if tenants[tenant]?.cursors.isEmpty == true { leave(tenant) }
    }

    private mutating func leave(_ tenant: TenantID) {
        tenants[tenant] = nil
        turns.removeAll { $0 == tenant }
    }
}

extension Timestamp {
    /// After everything that is waited for.
    fileprivate static let distant = Timestamp(microseconds: .max)
}
