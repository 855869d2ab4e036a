internal import Backbone
internal import Database
internal import EventModel
internal import Observability
internal import Store

/// Makes the runs that events ask for: the row and its chat, the record on `agent.runs`, and the event `agent.run.queued`.
///
/// Once for each event and role (or trigger), whatever dies in between: a run's id is a function of both, the row remembers
/// whether the log was told, and the event has the run as its key. Only the record on the topic may come twice.
struct AgentRunQueue: Sendable {
    let store: AgentRunStore
    let feed: FeedQueries
    let eventLog: any EventLog
    let topic: (any RunTopic)?
    let queued: Counter
    let log: LimitedLogger

    var clock: any WallClock = SystemClock()

    private static let retryInterval: Duration = .milliseconds(200)

    /// Returns when all of them are durable. Tries again while the store or the log is away, as the fan-out does.
    ///
    /// - Throws: `CancellationError`; `BackboneError` when the log has stopped.
    func queue(_ runs: [NewAgentRun]) async throws {
        var left = runs
        while !left.isEmpty {
            do {
                left = try await attempt(left)
                if left.isEmpty { return }
            } catch let error as DatabaseError where error.code == .data || error.code == .constraint {
                left = try await park(left, error)
            } catch let error as DatabaseError {
                log.warning("runs-not-queued", ["reason": .describing(error)])
            } catch let error as BackboneError where error.code != .stopped {
                log.warning("runs-not-announced", ["reason": .describing(error)])
            }
            try await Task.sleep(for: Self.retryInterval)
        }
    }

    /// - Returns: the runs of which it is not known whether the log was told.
    private func attempt(_ runs: [NewAgentRun]) async throws -> [NewAgentRun] {
        let answers = try await store.queue(runs)
        var told: [RunID] = []
        var waiting: [(run: NewAgentRun, event: NewEvent, body: [UInt8])] = []
        for (run, answer) in zip(runs, answers) where !answer.isAnnounced {
            let body = RunQueuedEvent.body(run)
            let event = RunQueuedEvent.make(run, body: body, createdAt: answer.createdAt)
            if clock.now().microseconds(since: answer.createdAt) > DedupeDoubt.age,
                try await feed.event(event.id, tenant: run.tenant) != nil
            {
                told.append(run.id)
            } else {
                waiting.append((run, event, body))
            }
        }
        try await topic?.publish(waiting.map { RunRecord(id: $0.run.id, tenant: $0.run.tenant, body: $0.body) })
        let receipts = waiting.isEmpty ? [] : try await eventLog.append(waiting.map(\.event))
        var unknown: [NewAgentRun] = []
        for ((run, _, _), receipt) in zip(waiting, receipts) {
            switch receipt {
            case .stored: told.append(run.id)
            case .refused(let reason):
                // The run is there and can be listed; that nobody is told is for us to look into.
                log.error("run-not-announced", ["run": .describing(run.id), "reason": .string(reason)])
                told.append(run.id)
            case .unknown: unknown.append(run)
            }
        }
        if !told.isEmpty { try await store.announced(told) }
        queued.increment(by: told.count)
        return unknown
    }

    /// One of them cannot be stored: finds out which, and leaves that one out.
    private func park(_ runs: [NewAgentRun], _ error: DatabaseError) async throws -> [NewAgentRun] {
        guard runs.count > 1 else {
            log.error("run-refused", ["event": .describing(runs[0].event), "reason": .describing(error)])
            return []
        }
        for run in runs { try await queue([run]) }
        return []
    }
}
