internal import EventModel
internal import JSONPath
internal import Matching
internal import Store
internal import Synchronization

/// The index of all webhooks' revisions, kept up to date by the follower and read by the fan-out.
final class SubscriptionTable: Sendable {
    private struct Content {
        var index = MatchIndex()
        var spans: [EndpointID: SpanSet] = [:]

        mutating func apply(_ changes: [WebhookRevision], spans changed: [FeedSpan]) {
            for revision in changes { index.apply(SubscriptionRevision(revision)) }
            for span in changed { spans[span.endpoint, default: SpanSet()].apply(span) }
            for endpoint in Set(changed.map(\.endpoint)) {
                let all = spans[endpoint]?.spans ?? []
                index.setSpans(all.map { PosSpan(from: $0.from, to: $0.to) }, of: endpoint)
            }
        }
    }

    private let state = Mutex(LoadedAnew(Content()))

    func apply(_ page: RevisionStore.Changes) {
        state.withLock { $0.apply(page) { $0.apply(page.revisions, spans: page.spans) } }
    }

    /// A snapshot: costs nothing and never changes.
    var snapshot: MatchIndex { state.withLock { $0.value.index } }

    /// Everything before `pos` is fanned out by every matcher: revisions that ended before it decide nothing more.
    func forget(before pos: Int64) {
        state.withLock { $0.update { $0.index.forget(before: pos) } }
    }
}

extension SubscriptionRevision {
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
