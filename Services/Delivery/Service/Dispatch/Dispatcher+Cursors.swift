internal import Backbone
internal import EventModel
internal import Store
internal import Synchronization

/// The dispatcher's side of feed cursors.
extension Dispatcher {
    /// A live record's endpoint that is to go to a cursor.
    struct Switch: Sendable {
        var endpoint: EndpointID
        var tenant: TenantID
        var lane: Int
        /// Of the lane's records.
        var laneEpoch: Int64
        /// Nothing from here on was started or sent away.
        var from: Int64
    }

    /// What the engine has to know of a cursor before it reads on.
    struct Level: Sendable {
        var waiting: Int
        /// The endpoint gets probes only.
        var isBlocked: Bool
    }

    // MARK: The engine's calls

    func add(_ cursors: [DeliveryCursor]) {
        state.withLock { state in
            for cursor in cursors { state.cursors.add(cursor) }
        }
    }

    /// Drops what waits of these cursors; what is under way goes on.
    ///
    /// - Returns: the handles' offsets of what was dropped.
    @discardableResult
    func remove(cursors: [CursorID]) -> [Int64] {
        state.withLock { state in cursors.flatMap { state.cursors.remove($0) } }
    }

    /// Takes events of a cursor, in order.
    func take(_ records: [LaneRecord], of cursor: CursorID, sender: any AttemptSender) {
        let now = clock.now()
        let decisions = state.withLock { state -> Decisions in
            var decisions = Decisions()
            state.cursors.append(records, to: cursor)
            serveCursors(at: now, &state, &decisions)
            return decisions
        }
        perform(decisions, sender: sender)
    }

    func levels(of cursors: [(id: CursorID, endpoint: EndpointID)]) -> [Level] {
        let configurations = book.configurations(of: cursors.map(\.endpoint))
        return state.withLock { state in
            cursors.map { cursor in
                let isOpen = state.queue(of: cursor.endpoint)?.breaker.isOpen ?? false
                return Level(
                    waiting: state.cursors.count(of: cursor.id),
                    isBlocked: isOpen && configurations[cursor.endpoint]?.status == .active)
            }
        }
    }

    /// Bytes of events that wait, and how many there are.
    var cursorLoad: (bytes: Int, events: Int) { state.withLock { ($0.cursors.bytes, $0.cursors.count) } }

    /// Does what the time has come for; answers how soon to come again.
    func tick(sender: any AttemptSender) -> Duration {
        let now = clock.now()
        let (decisions, next) = state.withLock { state -> (Decisions, Timestamp?) in
            var decisions = Decisions()
            state.cursors.tick(at: now)
            if now >= state.nextSweep { sweep(at: now, &state, &decisions) }
            refill(at: now, &state, &decisions)
            var next = state.cursors.nextWake
            for endpoint in state.ready {
                guard let time = state.queues[endpoint]?.nextStart(at: now, policy), time > now else { continue }
                next = next.map { min($0, time) } ?? time
            }
            state.nextTick = next ?? now.adding(microseconds: Self.longestRest)
            decisions.needsTick = false
            return (decisions, next)
        }
        perform(decisions, sender: sender)
        let rest = next.map { max(5_000, $0.microseconds(since: now)) } ?? Self.longestRest
        return .microseconds(min(rest, Self.longestRest))
    }

    /// Looks at every endpoint: who has waited long enough for a cursor, who rests.
    private func sweep(at now: Timestamp, _ state: inout State, _ decisions: inout Decisions) {
        state.nextSweep = now.adding(microseconds: Self.longestRest)
        for endpoint in Array(state.queues.keys) {
            guard var queue = state.queues.removeValue(forKey: endpoint) else { continue }
            if queue.shouldSwitch(at: now, policy) { ask(&queue, &decisions) }
            state.keep(queue, of: endpoint, at: now)
        }
        state.remembered.trim(at: now)
    }

    /// How often endpoints that wait for nothing but time are looked at, in microseconds.
    private static let longestRest: Int64 = 250_000

    /// What became of a switch: the span, which the book knows already, or nil.
    func switched(_ endpoint: EndpointID, to span: FeedSpan?, sender: any AttemptSender) {
        let now = clock.now()
        let decisions = state.withLock { state -> Decisions in
            var decisions = Decisions()
            guard var queue = state.queues.removeValue(forKey: endpoint) else { return decisions }
            state.waiting -= queue.waitingCount
            if let span {
                for record in queue.switched(to: span) {
                    decisions.outcomes.append(LaneOutcome(record: record, audit: nil, next: .finished))
                }
            } else {
                queue.notSwitched(until: now.adding(microseconds: policy.switchPause))
                if queue.breaker.isOpen || queue.waitingCount > policy.waitingPerEndpoint {
                    for (record, due) in queue.drainWaiting(at: now, policy) {
                        decisions.outcomes.append(LaneOutcome(record: record, audit: nil, next: .postponed(due: due)))
                    }
                }
            }
            state.waiting += queue.waitingCount
            state.keep(queue, of: endpoint, at: now)
            refill(at: now, &state, &decisions)
            return decisions
        }
        perform(decisions, sender: sender)
    }

    // MARK: Under the lock

    /// Notes that the endpoint is to go to a cursor.
    func ask(_ queue: inout EndpointQueue, _ decisions: inout Decisions) {
        guard let (from, record) = queue.beginSwitch() else { return }
        decisions.switches.append(
            Switch(
                endpoint: record.endpoint, tenant: record.tenant, lane: record.handle.lane,
                laneEpoch: record.handle.epoch, from: from))
    }

    /// How many records of one endpoint may wait: less the more wait in all, so that many that hold a little do not fill
    /// the window as one that holds much would.
    func waitingBound(_ state: borrowing State) -> Int? {
        guard policy.maySwitch else { return nil }
        let fair = (policy.waitingTotal - state.waiting) / 2
        return min(policy.waitingPerEndpoint, max(fair, policy.waitingPerEndpoint / 16))
    }

    private func mayServeCursors(_ state: borrowing State, at now: Timestamp) -> Bool {
        guard state.flights.count < policy.inFlight else { return false }
        let isLiveWaiting = !state.ready.isEmpty || now.microseconds(since: state.lastLive) < Self.liveMemory
        let share = isLiveWaiting ? policy.cursorShare : policy.cursorShareAlone
        return state.cursorFlights < max(1, policy.inFlight * share / 100)
    }

    /// How long after a live record cursors leave room for the next, in microseconds.
    private static let liveMemory: Int64 = 100_000

    /// Starts what waits of cursors, tenant by tenant, as far as there is room for them beside the live records.
    func serveCursors(at now: Timestamp, _ state: inout State, _ decisions: inout Decisions) {
        guard state.cursors.isAwake, !state.isDraining else { return }
        var ends = 0
        while mayServeCursors(state, at: now), let (cursor, record) = state.cursors.next(at: now) {
            let configuration = book.configuration(of: record.endpoint)
            let end = Verdict.beforeSending(
                record, configuration, at: now, policy: policy, newDeadLetter: { random.deadLetter(at: now) })
            guard let configuration, end == nil else {
                if ends == policy.cursorEnds {
                    state.cursors.sleep(cursor, until: now.adding(microseconds: 50_000))
                    continue
                }
                ends += 1
                state.cursors.take(cursor, at: now)
                if let end { decisions.outcomes.append(end) }
                continue
            }
            // A span's events are live ones that are late; what a job sends can wait.
            let isOfJob = record.cause != .live
            if isOfJob, !state.jobPace.admits(at: now) {
                state.cursors.sleep(cursor, until: state.jobPace.nextStart(at: now))
                continue
            }
            var queue = state.takeQueue(of: record.endpoint) ?? EndpointQueue()
            queue.limits = configuration.limits
            queue.lane = record.handle.lane
            if queue.startForCursor(at: now, policy) {
                if isOfJob { state.jobPace.started(at: now) }
                state.cursors.take(cursor, at: now)
                state.company.saw(record.endpoint, at: now)
                state.cursorFlights += 1
                state.cursorOf[record.handle.offset] = cursor
                start(record, configuration, &state, &decisions)
            } else {
                state.cursors.sleep(cursor, until: queue.nextStart(at: now, policy))
            }
            state.keep(queue, of: record.endpoint, at: now)
        }
        if let wake = state.cursors.nextWake, wake < state.nextTick {
            state.nextTick = wake
            decisions.needsTick = true
        }
    }
}
