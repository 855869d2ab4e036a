internal import EventCodec
internal import EventModel
internal import Store
internal import Triggers

/// Which trigger was what at which position of the feed. A value: what a batch was matched by never changes under it.
struct TriggerBook: Sendable {
    typealias Found = (id: TriggerID, definition: TriggerDefinition)

    /// What was in force from a position on, until the next one.
    private struct Entry: Ending {
        var version: Int64
        var fromPos: Int64
        var definition: TriggerDefinition?

        var isEnd: Bool { definition == nil }
    }

    private struct Tenant {
        var triggers: [TriggerID: [Entry]] = [:]
        /// Those that are on the feed, or were.
        var onFeed: Set<TriggerID> = []
        /// Types and families that they answer, or did; empty text: everything.
        var families: Set<String> = []
        var hasDoors = false
        /// Those of which something is over, or ends.
        var endings: Set<TriggerID> = []
    }

    private var tenants: [TenantID: Tenant] = [:]
    /// Tenants with endings.
    private var endings: Set<TenantID> = []

    /// What is kept, for those who watch that it does not grow.
    var entryCount: Int { tenants.values.reduce(0) { $0 + $1.triggers.values.reduce(0) { $0 + $1.count } } }

    /// Takes a revision in; one that is known already changes nothing.
    ///
    /// - Returns: false for a document that this program cannot read: it answers nothing.
    @discardableResult
    mutating func apply(_ revision: TriggerRevision) -> Bool {
        let definition = revision.document.flatMap(Self.definition)
        insert(revision, definition, into: &tenants[revision.tenant, default: Tenant()])
        if tenants[revision.tenant]?.endings.isEmpty == false { endings.insert(revision.tenant) }
        return revision.document == nil || definition != nil
    }

    private func insert(_ revision: TriggerRevision, _ definition: TriggerDefinition?, into tenant: inout Tenant) {
        var known = tenant.triggers[revision.trigger] ?? []
        let place = known.firstIndex { $0.version >= revision.version } ?? known.endIndex
        if place < known.endIndex, known[place].version == revision.version { return }
        known.insert(
            Entry(version: revision.version, fromPos: revision.fromPos, definition: definition), at: place)
        // What was there before the first of these was loaded as closed: its end is the next one's beginning.
        if let toPos = revision.toPos, place == known.endIndex - 1, revision.document != nil {
            known.append(Entry(version: revision.version, fromPos: toPos, definition: nil))
        }
        tenant.triggers[revision.trigger] = known
        if known.hasEnding { tenant.endings.insert(revision.trigger) }
        Self.note(definition, of: revision.trigger, in: &tenant)
    }

    private static func note(_ definition: TriggerDefinition?, of trigger: TriggerID, in tenant: inout Tenant) {
        switch definition?.source {
        case .door?: tenant.hasDoors = true
        case .feed(let filter)?:
            tenant.onFeed.insert(trigger)
            for pattern in filter.patterns { tenant.families.insert(pattern.family?.text ?? "") }
        case nil: break
        }
    }

    /// Drops what was over at `pos`: no event behind it needs it.
    mutating func forget(before pos: Int64) {
        for id in endings {
            guard var tenant = tenants.removeValue(forKey: id) else {
                endings.remove(id)
                continue
            }
            for trigger in tenant.endings { Self.forget(trigger, before: pos, in: &tenant) }
            if tenant.endings.isEmpty { endings.remove(id) }
            guard !tenant.triggers.isEmpty else { continue }
            (tenant.onFeed, tenant.families, tenant.hasDoors) = ([], [], false)
            for (trigger, known) in tenant.triggers {
                for entry in known { Self.note(entry.definition, of: trigger, in: &tenant) }
            }
            tenants[id] = tenant
        }
    }

    private static func forget(_ trigger: TriggerID, before pos: Int64, in tenant: inout Tenant) {
        var known = tenant.triggers[trigger] ?? []
        known.forget(before: pos)
        tenant.triggers[trigger] = known.isEmpty ? nil : known
        if !known.hasEnding { tenant.endings.remove(trigger) }
    }

    private static func definition(_ document: [UInt8]) -> TriggerDefinition? {
        (try? JSONFields(body: document)).flatMap { try? TriggerDefinition($0) }
    }

    /// Whether an event of this type may start anything: asked for each event, so it costs a look-up a word of the type, and
    /// less where the tenant has no triggers.
    func mayAnswer(_ type: String, of tenant: TenantID) -> Bool {
        guard let tenant = tenants[tenant] else { return false }
        if tenant.hasDoors, type.hasPrefix("webhook.") { return true }
        guard !tenant.families.isEmpty else { return false }
        if tenant.families.contains("") || tenant.families.contains(type) { return true }
        return type.indices.contains { type[$0] == "." && tenant.families.contains(String(type[..<$0])) }
    }

    /// The triggers that answer an event, as they were when it took its position; in order of their ids.
    func triggers(of tenant: TenantID, answering event: TriggerEvent, at pos: Int64) -> [Found] {
        guard let tenant = tenants[tenant] else { return [] }
        var candidates = tenant.onFeed
        if let door = event.door { candidates.insert(door) }
        return candidates.compactMap { id -> Found? in
            guard let known = tenant.triggers[id],
                let definition = known.last(where: { $0.fromPos <= pos })?.definition,
                definition.answers(event, id: id)
            else { return nil }
            return (id, definition)
        }.sorted { $0.id < $1.id }
    }
}
