internal import Backbone
internal import Database
internal import EventModel
internal import Observability
internal import Store

/// The thread that appends deliveries and moves `fanned` behind them, batch after batch.
final class FanOutCompleter {
    private let configuration: PostgresBackboneConfiguration
    private let state: Monitor<FanOutState>
    private let connection: BlockingConnection
    private let logger: Logger
    private let wake: WakeSender
    private let release: @Sendable ([Int]) -> Void
    private let lost: @Sendable ([OwnedPart]) -> Void

    /// How soon a call that failed is made again, at least.
    private static let retryInterval: Duration = .milliseconds(50)

    /// - Parameters:
    ///   - wake: told of each commit that wrote lane rows.
    ///   - release: told which parts can be given back.
    ///   - lost: told which parts a call found to be another's.
    init(
        _ configuration: PostgresBackboneConfiguration, state: Monitor<FanOutState>, connection: BlockingConnection,
        logger: Logger, wake: WakeSender, release: @escaping @Sendable ([Int]) -> Void,
        lost: @escaping @Sendable ([OwnedPart]) -> Void
    ) {
        self.configuration = configuration
        self.state = state
        self.connection = connection
        self.logger = logger
        self.wake = wake
        self.release = release
        self.lost = lost
    }

    /// Completes until everything is drained.
    func serve() {
        while true {
            let next = state.wait(asWriter: true, until: wake.due) { state -> FanOutState.Completion?? in
                if state.isAbandoned { return .some(nil) }
                if let completion = state.takeCompletion() { return .some(completion) }
                return state.isDrained ? .some(nil) : nil
            }
            wake.sendIfDue(on: connection)
            guard let next else { continue }
            guard let completion = next else { break }
            let result = complete(completion)
            let drained = state.update(ringing: .reader) { $0.completed(completion.batch.token) }
            if !drained.isEmpty { release(drained) }
            completion.continuation.resume(returning: result)
        }
        let left = state.withLock { state in
            var left: [FanOutState.Completion] = []
            while let completion = state.takeCompletion() { left.append(completion) }
            return left
        }
        for completion in left { completion.continuation.resume(returning: .failure(Self.stopped)) }
    }

    private static let stopped = BackboneError(.stopped, "the fan-out was given up")

    /// Repeats until it is done: rows that are behind `fanned` already are left out by the call itself.
    private func complete(_ completion: FanOutState.Completion) -> Result<Void, BackboneError> {
        var owned = completion.mark.owned
        while !owned.isEmpty {
            let deliveries = deliveries(of: completion, owned)
            let channel = deliveries.count > 0 ? wake.begin() : ""
            do {
                let rows = try connection.execute(
                    FanOutStatement.statement,
                    FanOutStatement.parameters(
                        topic: Topic.events, owned: owned, fanned: completion.mark.readTo,
                        configVersion: completion.batch.configVersion, deliveries: deliveries, waking: channel))
                if deliveries.count > 0 { wake.committed(rows: deliveries.count, notified: channel) }
                let refused = FanOutStatement.refused(rows)
                if refused.isEmpty { return .success(()) }
                lost(owned.filter { refused.contains($0.part) })
                owned.removeAll { refused.contains($0.part) }
            } catch {
                wake.failed(notified: channel)
                logger.warning("fan-out not recorded", ["reason": .describing(error)])
                let pause = max(connection.reconnectDelay, Self.retryInterval)
                let isAbandoned = state.wait(asWriter: true, until: .now + pause) { $0.isAbandoned ? true : nil }
                if isAbandoned != nil { return .failure(Self.stopped) }
            }
        }
        return .success(())
    }

    /// The deliveries of the parts that are still ours, by rising position.
    private func deliveries(
        of completion: FanOutState.Completion, _ owned: [OwnedPart]
    ) -> FanOutStatement.Deliveries {
        let rows = completion.batch.rows
        let isOwned = Set(owned.map(\.part))
        var deliveries = FanOutStatement.Deliveries()
        var ordered = completion.deliveries
        if zip(ordered, ordered.dropFirst()).contains(where: { $0.row > $1.row }) { ordered.sort { $0.row < $1.row } }
        for delivery in ordered where isOwned.contains(rows[delivery.row].part) {
            let row = rows[delivery.row]
            deliveries.append(
                part: row.part, pos: row.pos, lane: delivery.endpoint.lane(of: configuration.lanePartitions),
                endpoint: delivery.endpoint, cause: delivery.cause)
        }
        return deliveries
    }
}
