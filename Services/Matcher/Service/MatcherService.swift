public import Backbone
internal import EventModel
internal import Matching
public import Observability
public import Store
public import Tracing

/// Fans the feed out: matches what is stored against the webhooks, roles and triggers that were in force at its position,
/// makes the runs and events that they ask for, and appends the deliveries to their lanes.
///
/// A pure function of (pos, configuration): a repeated fan-out finds the same endpoints, and an event that was accepted
/// after a webhook's 201 is matched by it, because the matcher loads the configuration up to the version of the snapshot
/// that the rows were read in.
public final class MatcherService: Sendable {
    /// What runs of agents need beside the fan-out.
    public struct Agents: Sendable {
        public var runs: AgentRunStore
        public var triggers: TriggerStore
        /// For rows whose envelope the fan-out does not have at hand.
        public var feed: FeedQueries
        /// For `agent.run.queued` and what triggers emit.
        public var log: any EventLog
        public var topic: (any RunTopic)?

        public init(
            runs: AgentRunStore, triggers: TriggerStore, feed: FeedQueries, log: any EventLog, topic: (any RunTopic)?
        ) {
            self.runs = runs
            self.triggers = triggers
            self.feed = feed
            self.log = log
            self.topic = topic
        }
    }

    private let fanOut: any FanOut
    private let tracer: Tracer?
    private let follower: RevisionFollower
    private let table: SubscriptionTable
    private let forget: @Sendable () async throws -> Void
    private let envelopes: RowEnvelopes
    private let router: RoleRouter
    private let triggers: TriggerRouter
    private let emissions: EmissionQueue
    private let runs: AgentRunQueue
    private let instruments: MatcherInstruments

    public init(
        fanOut: any FanOut, revisions: RevisionStore, agents: Agents, tracer: Tracer? = nil, metrics: MetricsRegistry,
        logger: Logger
    ) {
        let table = SubscriptionTable()
        let roles = RoleTable()
        let log = logger.limited()
        let triggerTable = TriggerTable(log: log)
        self.fanOut = fanOut
        self.tracer = tracer
        self.table = table
        envelopes = RowEnvelopes(feed: agents.feed, log: log)
        router = RoleRouter(table: roles, envelopes: envelopes)
        triggers = TriggerRouter(table: triggerTable, envelopes: envelopes, store: agents.triggers, log: log)
        emissions = EmissionQueue(
            eventLog: agents.log, isStored: { try await agents.feed.event($0, tenant: $1) != nil },
            emitted: metrics.counter("fanfare_matcher_emitted_total", "Events that triggers emitted."), log: log)
        runs = AgentRunQueue(
            store: agents.runs, feed: agents.feed, eventLog: agents.log, topic: agents.topic,
            queued: metrics.counter("fanfare_matcher_runs_total", "Runs of agents that events started."), log: log)
        follower = RevisionFollower(store: revisions, logger: logger) { changes in
            table.apply(changes)
            roles.apply(changes)
            triggerTable.apply(changes)
        }
        forget = {
            let pos = try await revisions.lowestFanned()
            table.forget(before: pos)
            roles.forget(before: pos)
            triggerTable.forget(before: pos)
        }
        instruments = MatcherInstruments(metrics)
        follower.tell(metrics)
        metrics.observedGauge("fanfare_matcher_webhooks", "Webhooks in the index.") {
            Double(table.snapshot.endpointCount)
        }
        metrics.observedGauge(
            "fanfare_matcher_revisions",
            "Revisions of webhooks in the index: those in force, and former ones until everything before their end is fanned out."
        ) {
            Double(table.snapshot.revisionCount)
        }
    }

    /// The webhooks as they are known now.
    var index: MatchIndex { table.snapshot }

    /// Whether the configuration was loaded.
    public var isLoaded: Bool { follower.isLoaded }

    /// Call on each notification on `RevisionFollower.channel`.
    public func configurationChanged() {
        follower.changed()
    }

    /// Keeps the configuration up to date until cancelled, and drops what no event needs any more.
    public func follow() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.follower.run() }
            group.addTask {
                while (try? await ContinuousClock().sleep(for: Self.forgetting)) != nil {
                    // While the database is away nothing is forgotten.
                    try? await self.forgetEnded()
                }
            }
        }
    }

    /// Between two looks at what is over.
    private static let forgetting: Duration = .seconds(30)

    /// Drops what ended before everything that may still be fanned out, by any matcher. Should the database go back in
    /// time, by a restore, its configuration is read anew before its events are matched: see `RevisionFollower`.
    func forgetEnded() async throws {
        guard isLoaded else { return }
        try await forget()
    }

    /// Fans out until the fan-out is shut down. Owns nothing before a configuration snapshot is in hand.
    public func run() async throws {
        try await follower.reach(1)
        try await withThrowingTaskGroup { group in
            group.addTask { try await self.fanOut.run() }
            group.addTask { try await self.work() }
            try await group.waitForAll()
        }
    }

    /// Ends `run` when the batch under way is done.
    public func shutdown() async {
        await fanOut.shutdown()
    }

    private func work() async throws {
        while let batch = try await fanOut.next() {
            if batch.configVersion > follower.version { try await follower.reach(batch.configVersion) }
            let started = ContinuousClock.now
            let matched = Self.match(batch.rows, by: table.snapshot)
            instruments.matched(batch.rows.count, matched.deliveries.count, took: ContinuousClock.now - started)
            let deliveries = try await judge(matched, of: batch.rows)
            // Before the batch is done: whoever takes over from us finds the same runs, and makes what is missing.
            let actions = try await triggers.actions(of: batch.rows)
            try await runs.queue(try await router.runs(of: batch.rows) + actions.runs)
            try await emissions.queue(actions.events)
            try await fanOut.complete(batch, deliveries: deliveries)
            instruments.fannedOut(batch.rows, at: SystemClock().now())
            trace(batch.rows)
        }
    }

    /// A span for each row that stands in a trace that is recorded.
    private func trace(_ rows: [FeedRow]) {
        guard let tracer, tracer.isOn else { return }
        let now = SystemClock().now()
        for row in rows {
            guard let trace = row.trace, trace.isSampled else { continue }
            tracer.record(
                TraceSpan(
                    "fan-out", kind: .internal, trace: Tracer.child(of: trace), parent: trace.span,
                    start: row.recordedAt,
                    end: now, attributes: [("fanfare.event_id", .string(row.id.description))]), of: trace)
        }
    }

    /// Drops the deliveries whose conditions do not hold.
    private func judge(_ matched: MatchedRows, of rows: [FeedRow]) async throws -> [LaneDelivery] {
        guard !matched.conditions.isEmpty else { return matched.deliveries }
        var judgement = Judgement(matched)
        try await envelopes.forEach(matched.conditionalRows, of: rows) { judgement.judge(row: $0, $1) }
        instruments.judged(matched.conditions.count, dropped: judgement.dropped.count, judgement.unjudged)
        return judgement.deliveries
    }

    static func match(_ rows: [FeedRow], by index: MatchIndex) -> MatchedRows {
        var matched = MatchedRows()
        matched.deliveries.reserveCapacity(rows.count)
        var endpoints: [EndpointID] = []
        for (number, row) in rows.enumerated() {
            guard let type = EventType(row.type) else { continue }
            endpoints.removeAll(keepingCapacity: true)
            index.match(
                tenant: row.tenant, type: type, pos: row.pos, only: row.onlyEndpoint, except: row.exceptEndpoint,
                into: &endpoints)
            let cause: Cause = row.onlyEndpoint == nil ? .live : .test
            for endpoint in endpoints {
                if row.onlyEndpoint == nil, let filter = index.condition(of: endpoint, at: row.pos) {
                    matched.conditions.append((matched.deliveries.count, filter))
                }
                matched.deliveries.append(LaneDelivery(row: number, endpoint: endpoint, cause: cause))
            }
        }
        return matched
    }
}
