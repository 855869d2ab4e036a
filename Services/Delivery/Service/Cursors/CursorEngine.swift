internal import Backbone
internal import EventModel
internal import Observability
internal import Store
internal import Synchronization

/// Serves the feed cursors of the lanes that this worker owns: reads the feed behind them, hands events to the dispatcher,
/// records how far they are settled, and switches endpoints between their lane and a cursor (design §5).
///
/// Two loops with the database: one that takes, switches and records, one that reads; and one that tells the dispatcher the
/// time. Nothing here is on the way of a live record, but that lanes that are gained wait for their spans.
final class CursorEngine: Sendable {
    /// An owned lane.
    struct Lane {
        let laneEpoch: Int64
        /// Of the lane's cursors; nil until they were taken.
        var epoch: Int64?
    }

    /// An event that was read and is not settled.
    struct Flight {
        let cursor: CursorID
        let pos: Int64
        var result: ActiveCursor.Result?
    }

    struct State {
        var lanes: [Int: Lane] = [:]
        var cursors: [CursorID: ActiveCursor] = [:]
        /// By the offsets of their handles.
        var flights: [Int64: Flight] = [:]
        var lastOffset: Int64 = 0
        /// The highest position that a page told of.
        var head: Int64 = 0
        /// Lanes whose cursors are to be taken.
        var untaken: Set<Int> = []
        var switches: [Dispatcher.Switch] = []
        /// Since when an answer to a switch has been outstanding.
        var switchingSince: ContinuousClock.Instant?
        /// A call had no answer, and may have been done.
        var isSwitchUnknown = false
        /// How long the next span of an endpoint stays open at least, and when its last one was closed.
        var stays: [EndpointID: (microseconds: Int64, closedAt: Timestamp)] = [:]
        /// Cursors in the order in which they are read.
        var turns: [CursorID] = []
        var areJobsNew = true
        var isRecording = false
        var isDraining = false
        var isStopped = false
    }

    /// Events that a cursor should have waiting; below, it is read on.
    static let lowLevel = 128

    let state = Mutex(State())
    let feed: any FeedCursors
    let history: @Sendable (EndpointID, Int64) async throws -> [WebhookRevision]
    let follower: RevisionFollower
    let book: EndpointBook
    let dispatcher: Dispatcher
    let sender: any AttemptSender
    let clock: any WallClock
    let logger: LimitedLogger
    let instruments: CursorInstruments
    let controlWake = WakeSignal()
    let readWake = WakeSignal()
    private let taken = WakeSignal()

    /// How long lanes that are gained wait for their spans at most: with Postgres down they go on with what is known.
    private static let takeLimit: Duration = .seconds(2)
    private static let drainLimit: Duration = .milliseconds(1_500)
    private static let drainLook: Duration = .milliseconds(10)

    /// - Parameter history: a webhook's revisions that matter from a position on.
    init(
        feed: any FeedCursors, history: @escaping @Sendable (EndpointID, Int64) async throws -> [WebhookRevision],
        follower: RevisionFollower, book: EndpointBook, dispatcher: Dispatcher, sender: any AttemptSender,
        clock: any WallClock, logger: Logger, metrics: MetricsRegistry
    ) {
        self.feed = feed
        self.history = history
        self.follower = follower
        self.book = book
        self.dispatcher = dispatcher
        self.sender = sender
        self.clock = clock
        self.logger = logger.limited()
        instruments = CursorInstruments(metrics)
        instruments.observe(metrics, engine: self)
        dispatcher.connect(
            Dispatcher.CursorHooks(
                switchOver: { [weak self] in self?.switchOver($0) }, wantsMore: { [weak self] in self?.readWake.set() })
        )
    }

    /// Serves until `stop`, or until cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.control() }
            group.addTask { await self.read() }
            group.addTask {
                while !self.isOver {
                    let rest = self.dispatcher.tick(sender: self.sender)
                    await self.dispatcher.tickWake.wait(atMost: rest)
                }
            }
        }
    }

    var isOver: Bool { state.withLock(\.isStopped) || Task.isCancelled }

    // MARK: Ownership

    /// Lanes are ours: their cursors are taken, and their spans known, before anything of theirs is sent.
    func gain(_ lanes: [GainedLane]) async {
        state.withLock { state in
            for lane in lanes {
                state.lanes[lane.lane] = Lane(laneEpoch: lane.epoch)
                state.untaken.insert(lane.lane)
            }
        }
        controlWake.set()
        let deadline = ContinuousClock.now + Self.takeLimit
        while !isOver, ContinuousClock.now < deadline {
            let isTaken = state.withLock { state in
                lanes.allSatisfy { state.lanes[$0.lane]?.laneEpoch != $0.epoch || state.lanes[$0.lane]?.epoch != nil }
            }
            if isTaken { return }
            await taken.wait(atMost: .milliseconds(100))
        }
    }

    /// Lanes are another's.
    func lose(_ lanes: [Int]) {
        let gone = Set(lanes)
        let dropped = state.withLock { state -> [CursorID] in
            for lane in gone {
                state.lanes[lane] = nil
                state.untaken.remove(lane)
            }
            state.switches.removeAll { gone.contains($0.lane) }
            let dropped = state.cursors.values.filter { gone.contains($0.cursor.lane) }.map(\.cursor.id)
            Self.drop(dropped, &state)
            return dropped
        }
        dispatcher.remove(cursors: dropped)
    }

    static func drop(_ cursors: [CursorID], _ state: inout State) {
        if cursors.isEmpty { return }
        let gone = Set(cursors)
        for cursor in cursors { state.cursors[cursor] = nil }
        state.turns.removeAll { gone.contains($0) }
        state.flights = state.flights.filter { !gone.contains($0.value.cursor) }
    }

    func tookLanes() { taken.set() }

    // MARK: The worker's calls

    /// Outcomes are on their way to be recorded: remembers what they say of cursors' events.
    func note(_ outcomes: [LaneOutcome]) {
        guard outcomes.contains(where: { $0.record.handle.source == LaneHandle.cursor }) else { return }
        state.withLock { state in
            for outcome in outcomes where outcome.record.handle.source == LaneHandle.cursor {
                state.flights[outcome.record.handle.offset]?.result = ActiveCursor.Result(outcome)
            }
        }
    }

    /// They are durable.
    func recorded(_ handles: [LaneHandle]) {
        if handles.isEmpty { return }
        let (hasDone, hasRoom) = state.withLock { state in
            var hasDone = false
            var hasRoom = false
            for handle in handles {
                guard let flight = state.flights.removeValue(forKey: handle.offset),
                    state.cursors[flight.cursor]?.laneEpoch == handle.epoch
                else { continue }
                instruments.settled(flight.result)
                let before = state.cursors[flight.cursor]?.openCount ?? 0
                state.cursors[flight.cursor]?.settled(flight.pos, flight.result)
                if before >= Self.credit { hasRoom = true }
                if state.cursors[flight.cursor]?.isDone == true { hasDone = true }
            }
            return (hasDone, hasRoom)
        }
        if hasRoom { readWake.set() }
        if hasDone { controlWake.set() }
    }

    /// There may be new jobs, or cancelled ones.
    func jobsChanged() {
        state.withLock { $0.areJobsNew = true }
        controlWake.set()
    }

    private func switchOver(_ switches: [Dispatcher.Switch]) {
        state.withLock { $0.switches.append(contentsOf: switches) }
        controlWake.set()
    }

    /// Reads and switches nothing more, waits for what is under way, and records it.
    func drain() async {
        let all = state.withLock { state in
            state.isDraining = true
            return Array(state.cursors.keys)
        }
        let dropped = Set(dispatcher.remove(cursors: all))
        state.withLock { state in state.flights = state.flights.filter { !dropped.contains($0.key) } }
        let deadline = ContinuousClock.now + Self.drainLimit
        while ContinuousClock.now < deadline, state.withLock({ !$0.flights.isEmpty }) {
            await WakeSignal().wait(atMost: Self.drainLook)
        }
        while ContinuousClock.now < deadline + Self.drainLimit, state.withLock(\.isRecording) {
            await WakeSignal().wait(atMost: Self.drainLook)
        }
        await record()
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        controlWake.set()
        readWake.set()
        taken.set()
    }
}

extension ActiveCursor.Result {
    init(_ outcome: LaneOutcome) {
        switch outcome.next {
        case .retry, .postponed: self = .retrying
        case .dead: self = .failed
        case .finished: self = outcome.audit?.verdict == .delivered ? .delivered : .failed
        }
    }
}
