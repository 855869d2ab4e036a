internal import Backbone
internal import EventModel
internal import Observability
internal import Store
internal import Synchronization

/// Sends attempts: signs, posts, and reports each end once through the callback that the dispatcher gives it.
protocol AttemptSender: Sendable {
    /// Starts the POSTs; every one ends in `Dispatcher.finish`, in batches, on any thread.
    func start(_ attempts: [PendingAttempt])
}

/// Between the lanes and the sender: decides which record starts now, which waits, which goes back, and what each end
/// means. Entered from the intake and from the sender's threads; one lock, held for no I/O; memory is bounded by the lanes'
/// window.
final class Dispatcher: Sendable {
    struct State {
        /// Of endpoints with something to do.
        var queues: [EndpointID: EndpointQueue] = [:]
        var remembered = RememberedQueues()
        /// Endpoints with waiting records, in turn.
        var ready: [EndpointID] = []
        var company = Company()
        /// The intake waits until the endpoint that has the worker to itself has taken some of its records.
        var isIntakeWaiting = false
        var flights: [UInt64: Flight] = [:]
        var nextToken: UInt64 = 1
        var isDraining = false
        /// Records that wait in the queues.
        var waiting = 0
        /// When the last live record came.
        var lastLive = Timestamp(seconds: 0)
        var cursors = CursorSchedule()
        var cursorFlights = 0
        var jobPace = JobPace()
        /// When every endpoint is looked at again.
        var nextSweep = Timestamp(seconds: 0)
        /// When the time is told next.
        var nextTick = Timestamp(seconds: 0)
        /// Whose events are under way, by their handles' offsets.
        var cursorOf: [Int64: CursorID] = [:]
    }

    struct Flight {
        let record: LaneRecord
        let configuration: EndpointConfiguration
    }

    /// What one turn under the lock decided; performed after the lock is gone.
    struct Decisions {
        var starts: [PendingAttempt] = []
        var outcomes: [LaneOutcome] = []
        /// What attempts said of their endpoints.
        var seen: [HealthBook.Seen] = []
        var switches: [Switch] = []
        var hasRoom = false
        /// A cursor has little left that waits.
        var wantsMore = false
        /// The time is to be told earlier than was planned.
        var needsTick = false
    }

    /// What the engine that serves cursors is told; neither may block.
    struct CursorHooks: Sendable {
        var switchOver: @Sendable ([Switch]) -> Void = { _ in }
        var wantsMore: @Sendable () -> Void = {}
    }

    let state = Mutex(State())
    private let room = WakeSignal()
    /// `tick` is to be called.
    let tickWake = WakeSignal()
    let book: EndpointBook
    private let lanes: any DeliveryLanes
    let policy: DispatchPolicy
    let clock: any WallClock
    let random: any DispatchRandomness
    private let instruments: DispatchInstruments
    private let health: HealthBook
    private let settle: @Sendable ([LaneOutcome]) -> Void
    private let disable: @Sendable (EndpointID) -> Void
    private let hooks = Mutex(CursorHooks())

    /// - Parameters:
    ///   - settle: Takes the outcomes to be recorded; must not block.
    ///   - disable: Told of each endpoint that answered 410; must not block.
    init(
        book: EndpointBook, lanes: any DeliveryLanes, policy: DispatchPolicy, clock: any WallClock,
        random: any DispatchRandomness, instruments: DispatchInstruments,
        health: HealthBook = HealthBook(),
        settle: @escaping @Sendable ([LaneOutcome]) -> Void,
        disable: @escaping @Sendable (EndpointID) -> Void
    ) {
        self.book = book
        self.lanes = lanes
        self.policy = policy
        self.clock = clock
        self.random = random
        self.instruments = instruments
        self.health = health
        self.settle = settle
        self.disable = disable
    }

    /// The engine is made after the dispatcher.
    func connect(_ hooks: CursorHooks) {
        self.hooks.withLock { $0 = hooks }
    }

    // MARK: Intake

    /// How often a wait for room looks whether the endpoint still keeps up.
    private static let roomLook = Duration.milliseconds(100)

    /// Waits while an endpoint that has the worker to itself, and keeps up, has enough to do: the rest stays in the log,
    /// where it costs nothing, instead of being moved out of the way.
    func waitForRoom() async {
        while !Task.isCancelled {
            let now = clock.now()
            let isCrowded = state.withLock { state in
                state.isIntakeWaiting = hasTooMany(state, at: now)
                return state.isIntakeWaiting
            }
            guard isCrowded else { return }
            await room.wait(atMost: Self.roomLook)
        }
    }

    private func hasTooMany(_ state: borrowing State, at now: Timestamp) -> Bool {
        guard !state.isDraining, let endpoint = state.company.current, let queue = state.queues[endpoint],
            queue.waitingCount >= policy.waitingPerEndpoint / 2
        else { return false }
        return queue.keepsUp(at: now, policy) && state.company.isAlone(at: now, policy)
    }

    /// Takes what the lanes handed out.
    func take(_ signals: LaneSignals, sender: any AttemptSender) {
        let now = clock.now()
        let endpoints = signals.records.map(\.endpoint)
        let decisions = state.withLock { state -> Decisions in
            // Looked up in here: a span that was opened meanwhile must not be missed.
            let configurations = book.configurations(of: endpoints)
            if !signals.lost.isEmpty {
                let lost = Set(signals.lost)
                for endpoint in Array(state.queues.keys) {
                    state.waiting -= state.queues[endpoint]?.waitingCount ?? 0
                    state.queues[endpoint]?.forget(lanes: lost)
                    state.waiting += state.queues[endpoint]?.waitingCount ?? 0
                }
                state.remembered.forget(lanes: lost)
            }
            if !signals.records.isEmpty { state.lastLive = now }
            var decisions = Decisions()
            for record in signals.records {
                place(record, configurations[record.endpoint], at: now, &state, &decisions)
            }
            return decisions
        }
        health.forget(lanes: signals.lost)
        perform(decisions, sender: sender)
    }

    private func place(
        _ record: LaneRecord, _ configuration: EndpointConfiguration?, at now: Timestamp, _ state: inout State,
        _ decisions: inout Decisions
    ) {
        if let configuration, configuration.leavesToCursor(record) {
            decisions.outcomes.append(LaneOutcome(record: record, audit: nil, next: .finished))
            return
        }
        let end = Verdict.beforeSending(
            record, configuration, at: now, policy: policy, newDeadLetter: { random.deadLetter(at: now) })
        guard let configuration, end == nil else {
            if let end { decisions.end(end, at: now) }
            return
        }
        let hasGlobalRoom = state.flights.count < policy.inFlight && !state.isDraining
        var queue = state.takeQueue(of: record.endpoint) ?? EndpointQueue()
        queue.limits = configuration.limits
        queue.lane = record.handle.lane
        state.company.saw(record.endpoint, at: now)
        let isAlone = state.company.isAlone(at: now, policy)
        let bound = waitingBound(state)
        switch queue.admit(record, at: now, hasGlobalRoom: hasGlobalRoom, isAlone: isAlone, bound: bound, policy) {
        case .start:
            if record.cause == .live, record.attempt == 1 {
                state.jobPace.sawLive(delay: now.microseconds(since: record.recordedAt), at: now)
            }
            start(record, configuration, &state, &decisions)
        case .wait: list(record.endpoint, &queue, &state)
        case .waitAndSwitch:
            list(record.endpoint, &queue, &state)
            ask(&queue, &decisions)
        case .postpone(let due):
            decisions.outcomes.append(LaneOutcome(record: record, audit: nil, next: .postponed(due: due)))
        }
        state.keep(queue, of: record.endpoint, at: now)
    }

    private func list(_ endpoint: EndpointID, _ queue: inout EndpointQueue, _ state: inout State) {
        state.waiting += 1
        if queue.isListed { return }
        queue.isListed = true
        state.ready.append(endpoint)
    }

    func start(
        _ record: LaneRecord, _ configuration: EndpointConfiguration, _ state: inout State,
        _ decisions: inout Decisions
    ) {
        let token = state.nextToken
        state.nextToken += 1
        state.flights[token] = Flight(record: record, configuration: configuration)
        decisions.starts.append(PendingAttempt(record: record, configuration: configuration, token: token))
    }

    // MARK: Ends

    /// Takes ended attempts. `audit` is filled but for what the verdict adds.
    func finish(_ ended: [EndedAttempt], sender: any AttemptSender) {
        let now = clock.now()
        let jitters = random.jitters(ended.count)
        let decisions = state.withLock { state -> Decisions in
            var decisions = Decisions()
            for (index, attempt) in ended.enumerated() {
                close(attempt, jitter: jitters[index], at: now, &state, &decisions)
            }
            refill(at: now, &state, &decisions)
            if state.isIntakeWaiting, !hasTooMany(state, at: now) {
                state.isIntakeWaiting = false
                decisions.hasRoom = true
            }
            return decisions
        }
        if decisions.hasRoom { room.set() }
        perform(decisions, sender: sender)
    }

    private func close(
        _ attempt: EndedAttempt, jitter: Double, at now: Timestamp, _ state: inout State,
        _ decisions: inout Decisions
    ) {
        guard let flight = state.flights.removeValue(forKey: attempt.token) else { return }
        let record = flight.record
        let outcome = Verdict.afterAttempt(
            record, attempt.result, audit: attempt.audit, schedule: flight.configuration.schedule, endedAt: now,
            jitter: jitter, newDeadLetter: { random.deadLetter(at: now) })
        decisions.outcomes.append(outcome)
        decisions.saw(attempt.result, outcome, at: now)
        forgetFlight(of: record, &state, &decisions)
        if var queue = state.queues.removeValue(forKey: record.endpoint) {
            let changed = queue.ended(
                succeeded: attempt.result.isSuccess, isSilent: attempt.result.isSilent, at: now, policy)
            if changed { instruments.breakerChanged(isOpen: queue.breaker.isOpen) }
            if changed, queue.breaker.isOpen {
                state.waiting -= queue.waitingCount
                for (waiting, due) in queue.drainWaiting(at: now, keepingLive: policy.maySwitch, policy) {
                    decisions.outcomes.append(LaneOutcome(record: waiting, audit: nil, next: .postponed(due: due)))
                }
                state.waiting += queue.waitingCount
                if queue.shouldSwitch(at: now, policy) { ask(&queue, &decisions) }
            }
            state.keep(queue, of: record.endpoint, at: now)
        }
        state.cursors.wake(record.endpoint)
        if attempt.result.status == 410, record.cause != .test { disable(record.endpoint) }
        instruments.ended(attempt.result, record: record, outcome: outcome, at: now)
    }

    /// A cursor's event is not under way any more.
    private func forgetFlight(of record: LaneRecord, _ state: inout State, _ decisions: inout Decisions) {
        guard record.handle.source == LaneHandle.cursor else { return }
        state.cursorFlights -= 1
        if let cursor = state.cursorOf.removeValue(forKey: record.handle.offset),
            state.cursors.count(of: cursor) < CursorEngine.lowLevel
        {
            decisions.wantsMore = true
        }
    }

    /// Starts what waits, one endpoint after the other, while there is room; then what waits of cursors.
    func refill(at now: Timestamp, _ state: inout State, _ decisions: inout Decisions) {
        refillLive(at: now, &state, &decisions)
        serveCursors(at: now, &state, &decisions)
    }

    private func refillLive(at now: Timestamp, _ state: inout State, _ decisions: inout Decisions) {
        guard !state.isDraining, !state.ready.isEmpty else { return }
        var still: [EndpointID] = []
        let round = state.ready
        state.ready.removeAll(keepingCapacity: true)
        for (index, endpoint) in round.enumerated() {
            guard state.flights.count < policy.inFlight else {
                still.append(contentsOf: round[index...])
                break
            }
            if serve(endpoint, at: now, &state, &decisions) { still.append(endpoint) }
        }
        // What could not start goes behind what has not had its turn.
        state.ready.append(contentsOf: still)
    }

    /// - Returns: True while the endpoint has more that waits.
    private func serve(
        _ endpoint: EndpointID, at now: Timestamp, _ state: inout State, _ decisions: inout Decisions
    ) -> Bool {
        guard var queue = state.queues.removeValue(forKey: endpoint) else { return false }
        let configuration = book.configuration(of: endpoint)
        if let configuration { queue.limits = configuration.limits }
        state.waiting -= queue.waitingCount
        defer { state.waiting += state.queues[endpoint]?.waitingCount ?? 0 }
        while state.flights.count < policy.inFlight, let record = queue.startNext(at: now, policy) {
            if let configuration, configuration.leavesToCursor(record) {
                queue.abandonStart()
                decisions.outcomes.append(LaneOutcome(record: record, audit: nil, next: .finished))
                continue
            }
            let end = Verdict.beforeSending(
                record, configuration, at: now, policy: policy, newDeadLetter: { random.deadLetter(at: now) })
            if let configuration, end == nil {
                start(record, configuration, &state, &decisions)
            } else {
                queue.abandonStart()
                if let end { decisions.end(end, at: now) }
            }
        }
        let hasMore = queue.waitingCount > 0
        queue.isListed = hasMore
        state.keep(queue, of: endpoint, at: now)
        return hasMore
    }

    // MARK: Performing

    func perform(_ decisions: Decisions, sender: any AttemptSender) {
        if !decisions.outcomes.isEmpty { settle(decisions.outcomes) }
        if !decisions.seen.isEmpty { health.saw(decisions.seen) }
        if !decisions.switches.isEmpty { hooks.withLock(\.switchOver)(decisions.switches) }
        if decisions.wantsMore { hooks.withLock(\.wantsMore)() }
        if decisions.needsTick { tickWake.set() }
        guard !decisions.starts.isEmpty else { return }
        // The last look before the bytes leave: a process that was stopped, or lost its lease, sends nothing.
        var allowed: [PendingAttempt] = []
        allowed.reserveCapacity(decisions.starts.count)
        for start in decisions.starts {
            if lanes.mayDeliver(lane: start.record.handle.lane, epoch: start.record.handle.epoch) {
                allowed.append(start)
            } else {
                abandon([start.token])
            }
        }
        instruments.started(allowed, at: clock.now())
        if !allowed.isEmpty { sender.start(allowed) }
    }

    /// Started ones that were not sent because their lane is no longer ours: its owner sends them.
    func abandon(_ tokens: [UInt64]) {
        let now = clock.now()
        state.withLock { state in
            for token in tokens {
                guard let flight = state.flights.removeValue(forKey: token) else { continue }
                instruments.abandoned()
                let record = flight.record
                state.queues[record.endpoint]?.abandonStart()
                guard record.handle.source == LaneHandle.cursor else { continue }
                state.cursorFlights -= 1
                if let cursor = state.cursorOf.removeValue(forKey: record.handle.offset) {
                    state.cursors.putBack(record, to: cursor, until: now.adding(microseconds: Self.abandonedPause))
                }
            }
        }
    }

    /// When a cursor's event whose lane was not ours for the moment is tried again, in microseconds.
    private static let abandonedPause: Int64 = 100_000

    /// Starts nothing more; what is under way ends normally.
    func beginDrain() {
        state.withLock { state in
            state.isDraining = true
            state.ready.removeAll()
        }
        room.set()
    }
}

/// An attempt that is over, with its audit record but for the verdict.
struct EndedAttempt: Sendable {
    let token: UInt64
    let result: AttemptResult
    let audit: AttemptRecord
}

/// Where jitter and new ids come from; tests bring their own.
protocol DispatchRandomness: Sendable {
    /// `count` values in 0..<1.
    func jitters(_ count: Int) -> [Double]
    func deadLetter(at now: Timestamp) -> DeadLetterID
}

extension Dispatcher.Decisions {
    /// A delivery that ends without an attempt.
    fileprivate mutating func end(_ outcome: LaneOutcome, at now: Timestamp) {
        outcomes.append(outcome)
        guard case .dead = outcome.next else { return }
        seen.append(HealthBook.Seen(outcome.record, .none, isDead: true, at: now))
    }

    /// An attempt that ended.
    fileprivate mutating func saw(_ result: AttemptResult, _ outcome: LaneOutcome, at now: Timestamp) {
        let ending: HealthBook.Ending =
            outcome.record.cause == .test ? .none : result.errorClass.map { .failure($0) } ?? .success
        var isDead = false
        if case .dead = outcome.next { isDead = true }
        seen.append(HealthBook.Seen(outcome.record, ending, isDead: isDead, at: now))
    }
}

extension HealthBook.Seen {
    init(_ record: LaneRecord, _ ending: HealthBook.Ending, isDead: Bool, at now: Timestamp) {
        self.init(
            endpoint: record.endpoint, lane: record.handle.lane, epoch: record.handle.epoch, at: now, ending: ending,
            isDead: isDead)
    }
}
