internal import Backbone
internal import Database
internal import EventModel
internal import Observability
internal import Store

/// The thread that reads lanes and waiting attempts for a delivery worker.
final class LanesReader {
    private let configuration: PostgresBackboneConfiguration
    private let state: Monitor<LanesState>
    private let connection: BlockingConnection
    private let clock: any WallClock
    private let logger: Logger
    private let orphans: Counter
    private var cache = TextCache()
    private var lastDueRead = ContinuousClock.now
    private var pace = Pace(longest: .milliseconds(12))

    /// How long we trust in being woken.
    private static let poll: Duration = .milliseconds(50)
    /// How often the due table is looked at when nothing is known to wait there.
    private static let dueInterval: Duration = .seconds(5)

    init(
        _ configuration: PostgresBackboneConfiguration, state: Monitor<LanesState>, connection: BlockingConnection,
        clock: any WallClock, logger: Logger, orphans: Counter
    ) {
        self.configuration = configuration
        self.state = state
        self.connection = connection
        self.clock = clock
        self.logger = logger
        self.orphans = orphans
    }

    private enum Step {
        case due(lanes: [Int], rows: Int, bytes: Int)
        case lanes(ReadPlan.Stretch, rows: Int, bytes: Int)
        /// The window is full, or nothing is owned.
        case wait(until: ContinuousClock.Instant?)
        case end
    }

    /// Reads until the lanes are ending.
    func serve() {
        while true {
            handOut()
            do {
                switch nextStep() {
                case .due(let lanes, let rows, let bytes): try readDue(lanes, rows, bytes)
                case .lanes(let stretch, let rows, let bytes):
                    let count = try readLanes(stretch, rows, bytes)
                    if stretch.isCatchUp || count >= rows { continue }
                    if count > 0, let gather = pace.rest(after: count, at: .now) {
                        _ = state.wait(until: .now + gather) { $0.isEnding ? true : nil }
                    } else {
                        pause(until: min(state.withLock { deadline($0) }, .now + Self.poll))
                    }
                case .wait(let time): pause(until: time)
                case .end: return
                }
            } catch {
                logger.warning("lanes not read", ["reason": .describing(error)])
                state.withLock { $0.due.cancelRead() }
                pause(until: .now + max(connection.reconnectDelay, Self.poll))
            }
        }
    }

    private func nextStep() -> Step {
        let now = clock.now()
        return state.withLock { state in
            if state.isEnding { return .end }
            state.isWoken = false
            if lastDueRead.duration(to: .now) > Self.dueInterval { state.due.moreIsDue(at: now) }
            if let read = state.dueRead(configuration.window, at: now) {
                state.due.beginRead()
                return .due(lanes: read.lanes, rows: read.rows, bytes: read.bytes)
            }
            if let read = state.laneRead(configuration.window) {
                return .lanes(read.0, rows: read.rows, bytes: read.bytes)
            }
            return .wait(until: deadline(state))
        }
    }

    /// When something in memory, or in the due table, becomes due.
    private func deadline(_ state: LanesState) -> ContinuousClock.Instant {
        let now = clock.now()
        // A read that waits for room is woken by whoever makes room.
        let next = state.hasRoomForDue(configuration.window) ? state.due.nextDue?.adding(seconds: -1) : nil
        let wait = [state.due.firstPending, next].compactMap { $0?.microseconds(since: now) }.min() ?? 1_000_000
        return .now + .microseconds(min(max(wait, 0), 1_000_000))
    }

    // MARK: Reading

    /// How many rows there were.
    private func readLanes(_ stretch: ReadPlan.Stretch, _ rows: Int, _ bytes: Int) throws -> Int {
        let answer = LaneRowsStatement.answer(
            try connection.execute(
                LaneRowsStatement.statement,
                LaneRowsStatement.parameters(
                    after: stretch.after, upTo: stretch.upTo, parts: stretch.parts, limit: rows, bytes: bytes)),
            upTo: stretch.upTo, limit: rows, bytes: bytes, cache: &cache)
        if answer.orphans > 0 { orphans.increment(by: answer.orphans) }
        let deliveries = answer.rows.map { DeliveryID(event: $0.event, endpoint: $0.endpoint, cause: $0.cause) }
        let started = try started(answer.rows, deliveries)
        state.withLock { $0.read(stretch, answer, started: started, deliveries: deliveries) }
        handOut()
        return answer.rows.count
    }

    /// Which of the rows an earlier owner started and whose next attempt waits.
    private func started(_ rows: [LaneRow], _ deliveries: [DeliveryID]) throws -> Set<DeliveryID> {
        let inherited = state.withLock { state in rows.indices.filter { state.mayBeInherited(rows[$0]) } }
        if inherited.isEmpty { return [] }
        return DueStatement.waiting(
            try connection.execute(
                DueStatement.waiting,
                DueStatement.parameters(
                    lanes: inherited.map { rows[$0].lane }, deliveries: inherited.map { deliveries[$0] })))
    }

    private func readDue(_ lanes: [Int], _ rows: Int, _ bytes: Int) throws {
        lastDueRead = .now
        let upTo = clock.now().adding(seconds: 1)
        let from = state.withLock { $0.due.horizon }
        let answer = DueStatement.answer(
            try connection.execute(
                DueStatement.statement,
                DueStatement.parameters(from: min(from, upTo), upTo: upTo, parts: lanes, limit: rows, bytes: bytes)),
            upTo: upTo, limit: rows, bytes: bytes, cache: &cache)
        if !answer.orphans.isEmpty { orphans.increment(by: answer.orphans.count) }
        state.withLock { state in
            let reading = Set(lanes)
            state.due.endRead(answer) { lane in
                reading.contains(lane) && state.lanes[lane]?.drainUntil == nil ? state.lanes[lane]?.epoch : nil
            }
            if answer.readTo < upTo { state.due.moreIsDue(at: answer.readTo) }
            state.orphans.append(contentsOf: answer.orphans)
        }
    }

    /// Gives the worker what there is for it.
    private func handOut() {
        let now = clock.now()
        let handOver = state.withLock { state in
            state.handOutDue(at: now)
            return state.takeWaiter(at: .now)
        }
        if let handOver { handOver.waiter.resume(returning: handOver.signals) }
    }

    // MARK: Waiting

    /// Until somebody wakes us: whoever commits rows behind those that were read does.
    private func pause(until time: ContinuousClock.Instant?) {
        _ = state.wait(until: time) { $0.isWoken || $0.isEnding ? true : nil }
    }
}
