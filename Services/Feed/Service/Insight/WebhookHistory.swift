internal import EventCodec
internal import EventModel
internal import JSONPath
internal import Matching
internal import Store

/// What a webhook's revisions say of an event: the matcher's own rule, asked afterwards.
struct WebhookHistory: Sendable {
    private let endpoint: EndpointID
    private let tenant: TenantID
    /// In order of version.
    private var revisions: [(subscription: SubscriptionRevision, status: WebhookRevision.Status)] = []

    init(_ endpoint: EndpointID, tenant: TenantID, _ revisions: [TracedWebhook.Revision]) {
        self.endpoint = endpoint
        self.tenant = tenant
        self.revisions = revisions.map { revision in
            let state: SubscriptionRevision.State =
                switch revision.status {
                case .active: .active
                case .paused, .pending, .disabled: .inactive
                case .deleted: .deleted
                }
            return (
                SubscriptionRevision(
                    endpoint: endpoint, tenant: tenant,
                    filter: SubscriptionFilter(revision.events.compactMap { SubscriptionPattern($0) }),
                    condition: revision.filter.flatMap {
                        try? JSONFilter($0, limits: SubscriptionRevision.filterLimits)
                    }, state: state, version: revision.version, fromPos: revision.fromPos), revision.status
            )
        }
    }

    /// Why an event at `pos` goes to the webhook or not, as one word: `matched`, a `MatchReason`, or the state that it had.
    func verdict(at pos: Int64, _ event: MatchSubject, outline: () -> JSONOutline?) -> Verdict {
        let revision = revisions.last { $0.subscription.fromPos <= pos }
        let reason = SubscriptionRevision.reason(
            revision?.subscription, of: endpoint, for: event, outline: outline)
        return Verdict(
            reason: reason, version: revision?.subscription.version,
            word: reason == .inactive ? revision?.status.rawValue ?? reason.rawValue : reason.rawValue)
    }

    /// Whether a verdict at `pos` needs the envelope.
    func hasCondition(at pos: Int64) -> Bool {
        revisions.last { $0.subscription.fromPos <= pos }?.subscription.condition != nil
    }

    struct Verdict: Sendable {
        let reason: MatchReason
        /// The configuration version that decided.
        let version: Int64?
        let word: String
    }
}
