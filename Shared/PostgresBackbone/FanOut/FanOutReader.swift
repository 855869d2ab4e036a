internal import Backbone
internal import Database
internal import Observability
internal import Store

/// The thread that reads the feed for a fan-out.
final class FanOutReader {
    private let configuration: PostgresBackboneConfiguration
    private let state: Monitor<FanOutState>
    private let connection: BlockingConnection
    private let logger: Logger
    private let lost: @Sendable ([OwnedPart]) -> Void
    private var cache = TextCache()
    private var lastRecorded = ContinuousClock.now
    private var pace = Pace(longest: .milliseconds(12))

    /// Rows of one batch.
    private static let batchRows = 1_000
    /// How long we trust in being woken.
    private static let poll: Duration = .milliseconds(50)
    /// How often `fanned` of parts without events is moved.
    private static let recordInterval: Duration = .seconds(2)

    /// - Parameter lost: told which parts a call found to be another's.
    init(
        _ configuration: PostgresBackboneConfiguration, state: Monitor<FanOutState>, connection: BlockingConnection,
        logger: Logger, lost: @escaping @Sendable ([OwnedPart]) -> Void
    ) {
        self.configuration = configuration
        self.state = state
        self.connection = connection
        self.logger = logger
        self.lost = lost
    }

    /// Reads until the fan-out is ending.
    func serve() {
        while true {
            let stretch = state.wait { state -> ReadPlan.Stretch?? in
                if state.isEnding { return .some(nil) }
                guard let stretch = state.stretchToRead() else { return nil }
                state.isWoken = false
                return .some(stretch)
            }
            guard case .some(.some(let stretch)) = stretch else { return }
            do {
                let rows = try read(stretch)
                if stretch.isCatchUp || rows >= Self.batchRows { continue }
                if rows == 0 {
                    try rest()
                } else if let gather = pace.rest(after: rows, at: .now) {
                    pause(for: gather)
                } else {
                    waitToBeWoken()
                }
            } catch {
                logger.warning("feed not read", ["reason": .describing(error)])
                pause(for: max(connection.reconnectDelay, Self.poll))
            }
        }
    }

    /// How many rows there were.
    private func read(_ stretch: ReadPlan.Stretch) throws -> Int {
        let rows = try connection.execute(
            FeedRowsStatement.statement,
            FeedRowsStatement.parameters(
                after: stretch.after, upTo: stretch.upTo, parts: stretch.parts, limit: Self.batchRows))
        let answer = FeedRowsStatement.answer(rows, upTo: stretch.upTo, limit: Self.batchRows, cache: &cache)
        let feedRows = answer.events.map(FeedRow.init)
        let handOver = state.withLock { state in
            state.read(stretch, feedRows, configVersion: answer.configVersion, readTo: answer.readTo)
        }
        if let handOver { handOver.waiter.resume(returning: handOver.batch) }
        return answer.events.count
    }

    /// There was nothing.
    private func rest() throws {
        try recordPassed()
        waitToBeWoken()
    }

    /// Whoever commits rows behind those that were read wakes us; a notification that was lost costs `poll`.
    private func waitToBeWoken() {
        _ = state.wait(until: .now + Self.poll) { $0.isWoken || $0.isEnding ? true : nil }
    }

    /// Positions of parts without events move too, or a takeover would read far back.
    private func recordPassed() throws {
        guard lastRecorded.duration(to: .now) >= Self.recordInterval else { return }
        lastRecorded = .now
        guard let mark = state.withLock({ $0.takePassed() }), !mark.owned.isEmpty else { return }
        let rows = try connection.execute(
            RecordFannedStatement.statement,
            RecordFannedStatement.parameters(topic: Topic.events, owned: mark.owned, fanned: mark.readTo))
        let refused = RecordFannedStatement.refused(rows)
        if !refused.isEmpty { lost(mark.owned.filter { refused.contains($0.part) }) }
    }

    private func pause(for duration: Duration) {
        _ = state.wait(until: .now + duration) { $0.isEnding ? true : nil }
    }
}

extension FeedRow {
    init(_ event: StoredEvent) {
        self.init(
            pos: event.pos, part: event.part, id: event.id, tenant: event.tenant, type: event.type,
            onlyEndpoint: event.onlyEndpoint, exceptEndpoint: event.exceptEndpoint, recordedAt: event.recordedAt,
            envelope: event.envelope, trace: event.trace)
    }
}
