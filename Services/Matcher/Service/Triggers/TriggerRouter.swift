internal import Backbone
internal import Database
internal import EventModel
internal import Observability
internal import Store
internal import Triggers

/// What triggers make of a batch: runs of agents, and events of their own.
struct TriggerActions: Sendable {
    var runs: [NewAgentRun] = []
    var events: [NewEvent] = []
}

/// Finds what triggers make of events, once for each event and trigger: ids are functions of both.
struct TriggerRouter: Sendable {
    let table: TriggerTable
    let envelopes: RowEnvelopes
    let store: TriggerStore
    let log: LimitedLogger

    private static let retryInterval: Duration = .milliseconds(200)

    /// A trigger that matched an event.
    struct Hit: Sendable {
        var row: Int
        var trigger: TriggerID
        var definition: TriggerDefinition
        var verdict: TriggerVerdict
        var depth: Int
    }

    /// - Throws: `CancellationError`.
    func actions(of rows: [FeedRow]) async throws -> TriggerActions {
        let book = table.snapshot
        let candidates = rows.indices.filter { number in
            rows[number].onlyEndpoint == nil && book.mayAnswer(rows[number].type, of: rows[number].tenant)
        }
        guard !candidates.isEmpty else { return TriggerActions() }
        var hits: [Hit] = []
        try await envelopes.forEach(candidates, of: rows) { number, envelope in
            var budget = TriggerDefinition.budget
            hits += Self.hits(number, rows[number], envelope, book, budget: &budget)
            if budget <= 0 {
                let (event, tenant) = (rows[number].id, rows[number].tenant)
                log.warning("triggers-gave-up", ["event": .describing(event), "tenant": .describing(tenant)])
            }
        }
        return Self.actions(of: try await rested(hits, of: rows), rows)
    }

    /// The triggers that an event meets.
    static func hits(
        _ number: Int, _ row: FeedRow, _ envelope: [UInt8], _ book: TriggerBook, budget: inout Int
    ) -> [Hit] {
        guard let event = TriggerEvent(envelope: envelope) else { return [] }
        return book.triggers(of: row.tenant, answering: event, at: row.pos).compactMap { id, definition in
            let verdict = definition.judge(event, budget: &budget)
            guard verdict.acts else { return nil }
            return Hit(row: number, trigger: id, definition: definition, verdict: verdict, depth: event.depth)
        }
    }

    /// Without those of triggers that rest after an action. Tries again while Postgres is away.
    private func rested(_ hits: [Hit], of rows: [FeedRow]) async throws -> [Hit] {
        let resting = hits.indices.filter { hits[$0].definition.pause != nil }
        guard !resting.isEmpty else { return hits }
        // In order of the feed: envelopes may have come in another.
        let ordered = resting.sorted { hits[$0].row < hits[$1].row }
        let occasions = ordered.map { index in
            let (hit, row) = (hits[index], rows[hits[index].row])
            return TriggerStore.Occasion(
                trigger: hit.trigger, event: row.id, at: row.recordedAt, pause: hit.definition.pause ?? 0)
        }
        while true {
            do throws(DatabaseError) {
                let answers = try await store.pause(occasions)
                let resting = Set(zip(ordered, answers).filter { !$0.1 }.map(\.0))
                return hits.indices.filter { !resting.contains($0) }.map { hits[$0] }
            } catch {
                log.warning("triggers-not-paused", ["reason": .describing(error)])
            }
            try await Task.sleep(for: Self.retryInterval)
        }
    }

    static func actions(of hits: [Hit], _ rows: [FeedRow]) -> TriggerActions {
        var actions = TriggerActions()
        for hit in hits {
            let row = rows[hit.row]
            if let agent = hit.definition.action.agent {
                actions.runs.append(
                    NewAgentRun(
                        event: row.id, eventType: row.type, tenant: row.tenant, workspace: nil, trigger: hit.trigger,
                        agent: agent, inputs: hit.verdict.inputs))
            }
            if let type = hit.definition.action.emits {
                let data = hit.definition.emission(
                    of: hit.verdict, trigger: hit.trigger, event: row.id, depth: hit.depth)
                actions.events.append(EmittedEvent.make(type, data: data, trigger: hit.trigger, row: row))
            }
        }
        return actions
    }
}
