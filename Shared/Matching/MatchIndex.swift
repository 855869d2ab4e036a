public import EventModel
public import JSONPath

/// Which endpoints an event goes to: a pure function of (pos, configuration), for 100 000 webhooks and more (design §4).
///
/// A value: a copy is a snapshot that costs nothing and never changes, and a change to one copies a few nodes, not the index.
/// Revisions stay until `forget`, so an event whose fan-out is repeated is matched by what was in force at its `pos`, and
/// every process finds the same endpoints in the same order.
///
///     var index = MatchIndex()
///     index.apply(revision)
///     index.match(tenant: tenant, type: type, pos: 1_000, into: &endpoints)
///
/// A match looks up the tenant and then one key for each word of the type; what follows is proportional to the endpoints
/// that it finds (and to those of their revisions that are not forgotten).
public struct MatchIndex: Sendable {
    /// A tenant's subscriptions by pattern. An active endpoint's patterns do not cover one another, so a type finds it once.
    struct Tenant: Sendable {
        var everything = EndpointList()
        var families = PersistentMap<EventType, EndpointList>()
    }

    private struct Endpoint: Sendable {
        /// In order of version; the last is in force.
        var revisions: [SubscriptionRevision]
    }

    /// At `pos` something ended: a former revision, or the endpoint itself.
    private struct Ending: Sendable {
        let endpoint: EndpointID
        let pos: Int64
    }

    private var tenants = PersistentMap<TenantID, Tenant>()
    private var endpoints = PersistentMap<EndpointID, Endpoint>()
    private var spans = PersistentMap<EndpointID, [PosSpan]>()
    private var endings: [Ending] = []
    /// Endpoints that have a revision with a condition, or had one when the index was made.
    private var conditional = PersistentMap<EndpointID, Bool>()

    /// The newest configuration version that was applied.
    public private(set) var version: Int64 = 0

    public init() {}

    /// Revisions that are kept: one for each endpoint, and those that are not forgotten.
    public private(set) var revisionCount = 0

    /// Endpoints that have a revision.
    public var endpointCount: Int { endpoints.count }

    // MARK: Matching

    /// Appends the endpoints that the event goes to, without those whose cursor delivers this position.
    /// - Parameters:
    ///   - pos: The event's position on the feed.
    ///   - only: The event is addressed to this endpoint alone: it goes there whatever the endpoint's patterns and state,
    ///     unless it is deleted or another tenant's; spans do not count, since cursors skip such events.
    ///   - except: The event never goes to this endpoint.
    public func match(
        tenant: TenantID, type: EventType, pos: Int64, only: EndpointID? = nil, except: EndpointID? = nil,
        into found: inout [EndpointID]
    ) {
        if let only {
            guard let revision = revision(of: only, at: pos), revision.tenant == tenant, revision.state != .deleted,
                only != except
            else { return }
            found.append(only)
            return
        }
        guard let subscriptions = tenants.value(hash: Self.hash(tenant), where: { $0 == tenant }) else { return }
        let start = found.count
        subscriptions.everything.append(at: pos, to: &found)
        if !subscriptions.families.isEmpty { subscriptions.append(type, at: pos, to: &found) }
        if found.count > start, except != nil || !spans.isEmpty {
            drop(&found, from: start, pos: pos, except: except)
        }
    }

    /// As `match(…, into:)`.
    public func match(
        tenant: TenantID, type: EventType, pos: Int64, only: EndpointID? = nil, except: EndpointID? = nil
    ) -> [EndpointID] {
        var found: [EndpointID] = []
        match(tenant: tenant, type: type, pos: pos, only: only, except: except, into: &found)
        return found
    }

    private func drop(_ found: inout [EndpointID], from start: Int, pos: Int64, except: EndpointID?) {
        var kept = start
        for index in start..<found.count {
            let endpoint = found[index]
            if endpoint == except || isInSpan(endpoint, pos: pos) { continue }
            found[kept] = endpoint
            kept += 1
        }
        found.removeSubrange(kept...)
    }

    /// Whether the endpoint's cursor delivers this position.
    public func isInSpan(_ endpoint: EndpointID, pos: Int64) -> Bool {
        guard !spans.isEmpty, let spans = spans.value(hash: Self.hash(endpoint), where: { $0 == endpoint }) else {
            return false
        }
        // By rising `from`, and nearly always one of the last is asked for.
        return spans.reversed().contains { $0.contains(pos) }
    }

    /// The revision that was in force at `pos`: the answer to "why did it not match". Nil before the first one and for what
    /// has been forgotten.
    public func revision(of endpoint: EndpointID, at pos: Int64) -> SubscriptionRevision? {
        endpoints.value(hash: Self.hash(endpoint), where: { $0 == endpoint })?.revisions.last { $0.fromPos <= pos }
    }

    // MARK: Conditions

    /// What must hold for the envelope of an event at `pos` before it goes to an endpoint that `match` found; nil: nothing.
    /// An event that is addressed to the endpoint alone needs none of it.
    public func condition(of endpoint: EndpointID, at pos: Int64) -> JSONFilter? {
        // Most installations have few of these, and a look-up for every endpoint found would cost more than the match.
        guard !conditional.isEmpty, conditional.value(hash: Self.hash(endpoint), where: { $0 == endpoint }) != nil
        else {
            return nil
        }
        return revision(of: endpoint, at: pos)?.condition
    }

    // MARK: Changes

    /// Takes a revision in; it ends the endpoint's former one. Revisions come in order of their versions: one that is not
    /// newer than what the endpoint has changes nothing, so a page may be read twice.
    /// - Returns: False if it changed nothing.
    @discardableResult
    public mutating func apply(_ revision: SubscriptionRevision) -> Bool {
        version = max(version, revision.version)
        var revision = revision
        var former: SubscriptionRevision?
        var isNew = false
        var isReplaced = false
        endpoints.update(
            hash: Self.hash(revision.endpoint), key: revision.endpoint, default: Endpoint(revisions: [])
        ) { endpoint in
            former = endpoint.revisions.last
            isNew = (former?.version ?? .min) < revision.version
            guard isNew else { return }
            // Positions never go back; a revision from before the former one's beginning can only replace it.
            revision.fromPos = max(revision.fromPos, former?.fromPos ?? .min)
            isReplaced = former?.fromPos == revision.fromPos
            if isReplaced { endpoint.revisions.removeLast() }
            endpoint.revisions.append(revision)
        }
        guard isNew else { return false }
        if !isReplaced { revisionCount += 1 }
        if revision.condition != nil {
            conditional.update(hash: Self.hash(revision.endpoint), key: revision.endpoint, default: true) { $0 = true }
        }
        if let former { end(former, at: revision.fromPos) }
        begin(revision)
        if revision.state == .deleted || (former?.fromPos ?? .max) < revision.fromPos {
            endings.append(Ending(endpoint: revision.endpoint, pos: revision.fromPos))
        }
        return true
    }

    private mutating func begin(_ revision: SubscriptionRevision) {
        guard revision.state == .active else { return }
        tenants.update(hash: Self.hash(revision.tenant), key: revision.tenant, default: Tenant()) { tenant in
            for pattern in revision.filter.patterns {
                tenant.change(pattern) { $0.open(revision.endpoint, from: revision.fromPos) }
            }
        }
    }

    /// - Parameter pos: Nil removes it without trace.
    private mutating func end(_ revision: SubscriptionRevision, at pos: Int64?) {
        guard revision.state == .active else { return }
        let hash = Self.hash(revision.tenant)
        var isEmpty = false
        tenants.update(hash: hash, key: revision.tenant, default: Tenant()) { tenant in
            for pattern in revision.filter.patterns {
                tenant.change(pattern) { $0.close(revision.endpoint, from: revision.fromPos, to: pos) }
            }
            isEmpty = tenant.everything.isEmpty && tenant.families.isEmpty
        }
        if isEmpty { tenants.remove(hash: hash, key: revision.tenant) }
    }

    /// Sets all spans of an endpoint; none takes it out.
    public mutating func setSpans(_ spans: [PosSpan], of endpoint: EndpointID) {
        let hash = Self.hash(endpoint)
        if spans.isEmpty {
            self.spans.remove(hash: hash, key: endpoint)
        } else {
            self.spans.update(hash: hash, key: endpoint, default: []) { $0 = spans }
        }
    }

    /// Drops what ended at or before `pos`: no event from there on needs it. Call it with the lowest position whose fan-out
    /// may still be repeated.
    public mutating func forget(before pos: Int64) {
        guard endings.contains(where: { $0.pos <= pos }) else { return }
        var ended: [EndpointID] = []
        endings.removeAll { ending in
            guard ending.pos <= pos else { return false }
            ended.append(ending.endpoint)
            return true
        }
        for endpoint in Set(ended) { forget(endpoint, before: pos) }
    }

    private mutating func forget(_ id: EndpointID, before pos: Int64) {
        var dropped: [SubscriptionRevision] = []
        var isGone = false
        var left = 0
        endpoints.update(hash: Self.hash(id), key: id, default: Endpoint(revisions: [])) { endpoint in
            // A revision is over where the next one begins.
            let current = endpoint.revisions.lastIndex { $0.fromPos <= pos } ?? 0
            dropped = Array(endpoint.revisions[..<current])
            endpoint.revisions.removeSubrange(..<current)
            isGone = endpoint.revisions.allSatisfy { $0.state == .deleted }
            left = endpoint.revisions.count
        }
        revisionCount -= dropped.count + (isGone ? left : 0)
        for revision in dropped { end(revision, at: nil) }
        if isGone {
            endpoints.remove(hash: Self.hash(id), key: id)
            conditional.remove(hash: Self.hash(id), key: id)
        }
    }

    // MARK: Hashes

    private static func hash(_ tenant: TenantID) -> UInt { UInt(bitPattern: tenant.hashValue) }
    private static func hash(_ endpoint: EndpointID) -> UInt { UInt(bitPattern: endpoint.hashValue) }
}

extension MatchIndex.Tenant {
    /// Appends the endpoints that subscribe to the type or to one of its families.
    fileprivate func append(_ type: EventType, at pos: Int64, to found: inout [EndpointID]) {
        var text = type.text
        text.withUTF8 { bytes in
            for end in 1...bytes.count where end == bytes.count || bytes[end] == 0x2E {
                let family = UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[..<end]))
                let list = families.value(hash: Self.hash(family)) { $0.text.utf8.elementsEqual(family) }
                list?.append(at: pos, to: &found)
            }
        }
    }

    fileprivate mutating func change(_ pattern: SubscriptionPattern, _ change: (inout EndpointList) -> Void) {
        guard let family = pattern.family else { return change(&everything) }
        var text = family.text
        let hash = text.withUTF8 { Self.hash(UnsafeRawBufferPointer($0)) }
        var isEmpty = false
        families.update(hash: hash, key: family, default: EndpointList()) { list in
            change(&list)
            isEmpty = list.isEmpty
        }
        if isEmpty { families.remove(hash: hash, key: family) }
    }

    /// Over bytes and not over `EventType`, because a family is looked up as a piece of a longer text.
    private static func hash(_ family: UnsafeRawBufferPointer) -> UInt {
        var hasher = Hasher()
        hasher.combine(bytes: family)
        return UInt(bitPattern: hasher.finalize())
    }
}
