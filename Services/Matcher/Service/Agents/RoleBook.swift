internal import EventModel
internal import Store

/// Who plays which role at which position of the feed. A value: what a batch was matched by never changes under it.
struct RoleBook: Sendable {
    private struct Role: Hashable {
        var tenant: TenantID
        var name: String
    }

    /// What was in force from a position on, until the next one.
    private struct Entry: Ending {
        var version: Int64
        var fromPos: Int64
        var agent: String?

        var isEnd: Bool { agent == nil }
    }

    private struct Place: Hashable {
        var role: Role
        var workspace: WorkspaceID
    }

    private var entries: [Role: [WorkspaceID: [Entry]]] = [:]
    /// Where something is over, or ends.
    private var endings: Set<Place> = []

    /// What is kept, for those who watch that it does not grow.
    var entryCount: Int { entries.values.reduce(0) { $0 + $1.values.reduce(0) { $0 + $1.count } } }

    /// Takes a revision in; one that is known already changes nothing.
    mutating func apply(_ revision: RoleRevision) {
        let role = Role(tenant: revision.tenant, name: revision.role)
        var known = entries[role, default: [:]][revision.workspace] ?? []
        let place = known.firstIndex { $0.version >= revision.version } ?? known.endIndex
        if place < known.endIndex, known[place].version == revision.version { return }
        known.insert(
            Entry(version: revision.version, fromPos: revision.fromPos, agent: revision.agent), at: place)
        // Whoever was there before the first of these was loaded as closed: its end is the next one's beginning.
        if let toPos = revision.toPos, place == known.endIndex - 1, revision.agent != nil {
            known.append(Entry(version: revision.version, fromPos: toPos, agent: nil))
        }
        entries[role, default: [:]][revision.workspace] = known
        if known.hasEnding {
            endings.insert(Place(role: role, workspace: revision.workspace))
        }
    }

    /// Drops what was over at `pos`: no event behind it needs it.
    mutating func forget(before pos: Int64) {
        for place in endings {
            guard var known = entries[place.role]?[place.workspace] else {
                endings.remove(place)
                continue
            }
            known.forget(before: pos)
            entries[place.role]?[place.workspace] = known.isEmpty ? nil : known
            if entries[place.role]?.isEmpty == true { entries[place.role] = nil }
            if !known.hasEnding { endings.remove(place) }
        }
    }

    /// Whether an event of this type may start anything: a look-up for each event, so it must be cheap.
    func mayAnswer(_ type: String, of tenant: TenantID) -> Bool {
        !entries.isEmpty && entries[Role(tenant: tenant, name: type)] != nil
    }

    /// Who played the role in the workspace when the event took its position.
    func agent(_ role: String, of workspace: WorkspaceID, tenant: TenantID, at pos: Int64) -> String? {
        entries[Role(tenant: tenant, name: role)]?[workspace]?.last { $0.fromPos <= pos }?.agent
    }
}
