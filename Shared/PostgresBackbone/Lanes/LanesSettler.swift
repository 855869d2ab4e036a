internal import Backbone
internal import Database
internal import EventModel
internal import Observability
internal import Store

/// The thread that records outcomes, a call at a time, and gives drained lanes back.
final class LanesSettler {
    private let configuration: PostgresBackboneConfiguration
    private let state: Monitor<LanesState>
    private let connection: BlockingConnection
    private let clock: any WallClock
    private let logger: Logger
    private let parked: Counter
    private let drained: @Sendable ([OwnedPart]) -> Void
    private let lost: @Sendable ([OwnedPart]) -> Void
    /// Of the last call; rises as long as the process lives.
    private var number: Int64 = 0
    private var lastIdleCall = ContinuousClock.now
    /// Nobody waits for a record of what was done: outcomes gather longer than rows do.
    private var pace = Pace(longest: .milliseconds(20))

    /// How often stuck heads are looked at, and drains.
    private static let tick: Duration = .milliseconds(100)
    private static let drainTick: Duration = .milliseconds(10)
    /// How often positions of lanes without outcomes are moved.
    private static let idleInterval: Duration = .seconds(2)
    private static let retryInterval: Duration = .milliseconds(50)

    /// - Parameters:
    ///   - drained: told which lanes can be given back.
    ///   - lost: told which lanes a call found to be another's.
    init(
        _ configuration: PostgresBackboneConfiguration, state: Monitor<LanesState>, connection: BlockingConnection,
        clock: any WallClock, logger: Logger, parked: Counter, drained: @escaping @Sendable ([OwnedPart]) -> Void,
        lost: @escaping @Sendable ([OwnedPart]) -> Void
    ) {
        self.configuration = configuration
        self.state = state
        self.connection = connection
        self.clock = clock
        self.logger = logger
        self.parked = parked
        self.drained = drained
        self.lost = lost
    }

    /// Records until everything is drained.
    func serve() {
        while let work = nextWork() {
            guard let work else { continue }
            let outcomes = work.entries.count
            record(work)
            if let rest = pace.rest(after: outcomes, at: .now) {
                _ = state.wait(asWriter: true, until: .now + rest) { $0.isEnding || $0.isAbandoned ? true : nil }
            }
        }
    }

    /// Nil at the end; an inner nil when there was nothing after all.
    private func nextWork() -> SettleWork?? {
        let isIdleCallDue = lastIdleCall.duration(to: .now) >= Self.idleInterval
        let isDraining = state.withLock { state in state.lanes.contains { $0?.drainUntil != nil } }
        let isEnded = state.wait(asWriter: true, until: .now + (isDraining ? Self.drainTick : Self.tick)) {
            state -> Bool? in
            if state.isAbandoned { return true }
            if state.isEnding, state.isReaderDone, state.lanes.allSatisfy({ $0 == nil }) { return true }
            return state.outcomes.isEmpty ? nil : false
        }
        if isEnded == true { return nil }
        if isIdleCallDue { lastIdleCall = .now }
        let now = ContinuousClock.now
        let time = clock.now()
        let (work, waiting) = state.withLock { state in
            let work = state.takeWork(configuration.window, now: now, clock: time, isIdleCallDue: isIdleCallDue)
            return (work, state.takeSettling(configuration.window))
        }
        for continuation in waiting { continuation.resume() }
        return .some(work)
    }

    /// Makes the call until it is answered: by its number the database knows one that it had carried out already.
    private func record(_ work: SettleWork) {
        var work = work
        number += 1
        while !work.isEmpty {
            do {
                let rows = try connection.execute(
                    SettleStatement.statement,
                    SettleStatement.parameters(topic: Topic.deliveries, number: number, batch: work.batch()))
                let refused = SettleStatement.refused(rows)
                if refused.isEmpty {
                    finish(work)
                    return
                }
                let parts = work.settled.map(\.lane).filter { refused.contains($0.part) }
                handOver { state in
                    for part in parts { state.lose(part) }
                }
                lost(parts)
                work.remove(refused)
            } catch {
                if BackboneError(error).code == .poison {
                    recordPoison(work, error)
                    return
                }
                logger.warning("outcomes not recorded", ["reason": .describing(error)])
                let pause = max(connection.reconnectDelay, Self.retryInterval)
                guard state.wait(asWriter: true, until: .now + pause, { $0.isAbandoned ? true : nil }) == nil else {
                    return
                }
                guard !isPastDrain() else { return }
            }
        }
    }

    /// A shutdown does not wait for a server that is away: what is not recorded is delivered again.
    private func isPastDrain() -> Bool {
        state.withLock { state in
            guard let until = state.stopUntil else { return false }
            guard ContinuousClock.now > until + configuration.window.drain else { return false }
            state.isAbandoned = true
            return true
        }
    }

    private func finish(_ work: SettleWork) {
        // First, so that nothing is sent for a lane that another may hold soon.
        if !work.drained.isEmpty { drained(work.drained) }
        handOver { $0.recorded(work) }
    }

    /// Changes what there is for the worker, and tells it.
    private func handOver(_ body: (inout LanesState) -> Void) {
        let waiting = state.update(ringing: .reader) { state in
            body(&state)
            state.isWoken = true
            return state.takeWaiter(at: .now)
        }
        if let waiting { waiting.waiter.resume(returning: waiting.signals) }
    }

    /// Something in the call cannot be stored: halves find it; then it goes without what an endpoint wrote, at last without
    /// its audit row, which is told and counted. The lane goes on.
    private func recordPoison(_ work: SettleWork, _ error: DatabaseError) {
        if work.entries.count > 1 {
            let (first, second) = work.halves()
            record(first)
            record(second)
            return
        }
        guard let entry = work.entries.first, case .outcome(let outcome, _) = entry else {
            // Nothing here comes from outside: try again, aloud, rather than lose a position.
            logger.error("positions refused by the store", ["reason": .describing(error)])
            _ = state.wait(asWriter: true, until: .now + .seconds(1)) { $0.isAbandoned ? true : nil }
            if state.withLock({ !$0.isAbandoned }) { record(work) }
            return
        }
        if outcome.audit?.hasForeignText == true {
            record(work.stripped())
        } else {
            parked.increment()
            logger.error(
                "outcome kept without its audit row",
                ["delivery": .string(outcome.record.delivery.description), "reason": .describing(error)])
            record(work.bare())
        }
    }
}

extension AttemptRecord {
    fileprivate var hasForeignText: Bool {
        responseHeaders != nil || responseHead != nil || reason != nil || sourceIP != nil
    }
}

extension LanesState {
    /// Callers of `settle` that need not wait any longer.
    fileprivate mutating func takeSettling(
        _ window: PostgresBackboneConfiguration.Window
    ) -> [UnsafeContinuation<Void, Never>] {
        guard outcomes.count < window.outcomes else { return [] }
        defer { settling = [] }
        return settling
    }
}
