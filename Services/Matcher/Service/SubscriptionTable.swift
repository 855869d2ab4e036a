internal import EventModel
internal import JSONPath
internal import Matching
internal import Store
internal import Synchronization

/// The index of all webhooks' revisions, kept up to date by the follower and read by the fan-out.
final class SubscriptionTable: Sendable {
    private struct State {
        var index = MatchIndex()
        var spans: [EndpointID: SpanSet] = [:]
    }

    private let state = Mutex(State())

    func apply(_ changes: [WebhookRevision], spans: [FeedSpan] = []) {
        state.withLock { state in
            for revision in changes { state.index.apply(SubscriptionRevision(revision)) }
            for span in spans { state.spans[span.endpoint, default: SpanSet()].apply(span) }
            for endpoint in Set(spans.map(\.endpoint)) {
                let all = state.spans[endpoint]?.spans ?? []
                state.index.setSpans(all.map { PosSpan(from: $0.from, to: $0.to) }, of: endpoint)
            }
        }
    }

    /// A snapshot: costs nothing and never changes.
    var snapshot: MatchIndex { state.withLock { $0.index } }

    /// Everything before `pos` is fanned out by every matcher: revisions that ended before it decide nothing more.
    func forget(before pos: Int64) {
        state.withLock { $0.index.forget(before: pos) }
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
