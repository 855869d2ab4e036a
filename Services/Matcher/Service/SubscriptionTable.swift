internal import EventModel
internal import JSONPath
internal import Matching
internal import Store
internal import Synchronization

/// The index of all webhooks' revisions, kept up to date by the follower and read by the fan-out.
final class SubscriptionTable: Sendable {
    private let index = Mutex(MatchIndex())

    func apply(_ changes: [WebhookRevision]) {
        index.withLock { index in
            for revision in changes { index.apply(SubscriptionRevision(revision)) }
        }
    }

    /// A snapshot: costs nothing and never changes.
    var snapshot: MatchIndex { index.withLock { $0 } }

    /// Everything before `pos` is fanned out by every matcher: revisions that ended before it decide nothing more.
    func forget(before pos: Int64) {
        index.withLock { $0.forget(before: pos) }
    }
}

extension SubscriptionRevision {
    /// What judging one envelope may cost: some milliseconds at most.
    static let filterLimits = JSONPathLimits(steps: 50_000)

    init(_ revision: WebhookRevision) {
        let state: State =
            switch revision.status {
            case .active: .active
            case .paused, .pending, .disabled: .inactive
            case .deleted: .deleted
            }
        self.init(
            endpoint: revision.endpoint, tenant: revision.tenant,
            filter: SubscriptionFilter(revision.events.compactMap { SubscriptionPattern($0) }),
            // The API stores what parses. One that does not is a later release's: too much is better than too little.
            condition: revision.filter.flatMap { try? JSONFilter($0, limits: Self.filterLimits) }, state: state,
            version: revision.version, fromPos: revision.fromPos)
    }
}
