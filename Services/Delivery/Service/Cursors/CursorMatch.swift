internal import EventCodec
internal import EventModel
internal import JSONPath
internal import Store

/// Which events of a tenant's feed a cursor delivers: for a span what the matcher would have found, by the revision that was
/// in force at each position; for a job what the webhook subscribes to now, narrowed by the job's own filter; for a redrive all
/// that its pages bring.
struct CursorMatch: Sendable {
    private struct Revision: Sendable {
        let fromPos: Int64
        let isActive: Bool
        let filter: SubscriptionFilter
        let condition: JSONFilter?

        init(_ revision: WebhookRevision) {
            fromPos = revision.fromPos
            isActive = revision.status == .active
            filter = SubscriptionFilter(revision.events.compactMap { SubscriptionPattern($0) })
            // As in the matcher: too much is better than too little.
            condition = revision.filter.flatMap { try? JSONFilter($0, limits: Self.limits) }
        }

        /// What judging one envelope may cost: some milliseconds at most.
        private static let limits = JSONPathLimits(steps: 50_000)
    }

    /// Of the newest revision.
    let version: Int64
    private let isJob: Bool
    private let asksSubscription: Bool
    private let revisions: [Revision]
    private let types: [SubscriptionPattern]

    /// - Parameter history: the webhook's revisions from the cursor's position on, in order of version.
    init(_ cursor: DeliveryCursor, history: [WebhookRevision]) {
        version = history.last?.version ?? 0
        isJob = cursor.kind == .job
        asksSubscription = cursor.asksSubscription
        revisions = (isJob ? Array(history.suffix(1)) : history).map(Revision.init)
        types = cursor.types.compactMap { SubscriptionPattern($0) }
    }

    /// What the store need not bring: types, each with its family; nil: everything may be wanted.
    var families: [String]? {
        // The pages of jobs that ask for no subscription know the job's types themselves.
        guard asksSubscription else { return nil }
        if !types.isEmpty { return types.contains { $0.family == nil } ? nil : types.map(\.description) }
        let wanted = revisions.filter { $0.isActive || isJob }
        if wanted.contains(where: \.filter.isEverything) { return nil }
        return Set(wanted.flatMap { $0.filter.patterns.map(\.description) }).sorted()
    }

    func accepts(_ item: CursorPage.Item) -> Bool {
        guard asksSubscription else { return true }
        guard let type = EventType(item.type),
            let revision = revisions.last(where: { isJob || $0.fromPos <= item.pos }),
            revision.isActive || isJob, revision.filter.matches(type),
            types.isEmpty || types.contains(where: { $0.matches(type) })
        else { return false }
        guard let condition = revision.condition else { return true }
        guard let outline = try? JSONOutline(item.envelope), let holds = try? condition.matches(outline) else {
            return true
        }
        return holds
    }
}
