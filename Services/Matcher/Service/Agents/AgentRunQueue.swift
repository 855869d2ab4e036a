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
    let eventLog: any EventLog
    let topic: (any RunTopic)?
    let queued: Counter
    let log: LimitedLogger

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
        let waiting = zip(runs, answers).filter { !$0.1.isAnnounced }
        guard !waiting.isEmpty else { return [] }
        let bodies = waiting.map { RunQueuedEvent.body($0.0) }
        try await topic?.publish(
            zip(waiting, bodies).map { RunRecord(id: $0.0.id, tenant: $0.0.tenant, body: $1) })
        let receipts = try await eventLog.append(
            zip(waiting, bodies).map { RunQueuedEvent.make($0.0, body: $1, createdAt: $0.1.createdAt) })
        var told: [RunID] = []
        var unknown: [NewAgentRun] = []
        for ((run, _), receipt) in zip(waiting, receipts) {
            switch receipt {
            case .stored: told.append(run.id)
            case .refused(let reason):
                // The run is there and can be listed; that nobody is told is for us to look into.
                log.error("run-not-announced", ["run": .describing(run.id), "reason": .string(reason)])
                told.append(run.id)
            case .unknown: unknown.append(run)
            }
        }
        try await store.announced(told)
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
