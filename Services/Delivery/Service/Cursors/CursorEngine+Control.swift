internal import Backbone
internal import EventModel
internal import Observability
internal import Store
internal import Synchronization

/// Taking, switching and recording: one after the other, so that no two of these calls speak of the same cursor.
extension CursorEngine {
    private static let rest: Duration = .milliseconds(200)
    private static let recordInterval: Duration = .milliseconds(500)
    private static let jobsInterval: Duration = .seconds(1)
    /// How long an answer to a switch is waited for. Beyond it the endpoint's records go the usual way, and the lane's cursors
    /// are taken again, in case that the span is open.
    private static let switchLimit: Duration = .seconds(10)
    /// How long a span stays open at least, in microseconds: twice as long when the one before it was closed within a minute.
    private static let shortestStay: Int64 = 1_000_000
    private static let longestStay: Int64 = 30_000_000
    private static let stayMemory: Int64 = 60_000_000

    func control() async {
        var lastRecord = ContinuousClock.now
        var lastJobs = ContinuousClock.now
        while !isOver {
            await switchTurn()
            if state.withLock({ $0.areJobsNew }) || lastJobs.duration(to: .now) >= Self.jobsInterval {
                lastJobs = .now
                await findJobs()
            }
            let hasDone = state.withLock { state in state.cursors.values.contains(where: \.isDone) }
            if hasDone || lastRecord.duration(to: .now) >= Self.recordInterval {
                lastRecord = .now
                await record()
            }
            await controlWake.wait(atMost: Self.rest)
        }
    }

    /// Takes what is to be taken, opens and closes what is to be opened and closed.
    func switchTurn() async {
        await takeLanes()
        await openSpans()
        await closeSpans()
    }

    // MARK: Taking

    private func takeLanes() async {
        let lanes = state.withLock { state in
            state.isDraining
                ? [] : state.untaken.sorted().compactMap { lane in state.lanes[lane].map { (lane, $0.laneEpoch) } }
        }
        if lanes.isEmpty { return }
        do {
            let taken = try await feed.take(lanes: lanes.map(\.0))
            try await follower.reach(taken.configVersion)
            let now = clock.now()
            let added = state.withLock { state in
                for (lane, laneEpoch) in lanes where state.lanes[lane]?.laneEpoch == laneEpoch {
                    state.lanes[lane]?.epoch = taken.epochs[lane]
                    state.untaken.remove(lane)
                }
                return install(taken.cursors, at: now, &state)
            }
            dispatcher.add(added)
            tookLanes()
            readWake.set()
        } catch {
            logger.warning("cursors-not-taken", ["reason": .describing(error)])
        }
    }

    /// Takes in cursors that are not known; what is known is ahead of the database.
    private func install(_ cursors: [DeliveryCursor], at now: Timestamp, _ state: inout State) -> [DeliveryCursor] {
        var added: [DeliveryCursor] = []
        for cursor in cursors where state.cursors[cursor.id] == nil {
            guard let lane = state.lanes[cursor.lane], lane.epoch != nil else { continue }
            let stay = stay(of: cursor.endpoint, at: now, state)
            state.cursors[cursor.id] = ActiveCursor(
                cursor, laneEpoch: lane.laneEpoch, staysUntil: now.adding(microseconds: stay))
            state.turns.append(cursor.id)
            added.append(cursor)
        }
        return added
    }

    private func stay(of endpoint: EndpointID, at now: Timestamp, _ state: borrowing State) -> Int64 {
        guard let last = state.stays[endpoint], now.microseconds(since: last.closedAt) < Self.stayMemory else {
            return Self.shortestStay
        }
        return min(last.microseconds * 2, Self.longestStay)
    }

    private func findJobs() async {
        let lanes = state.withLock { state in
            state.areJobsNew = false
            return state.isDraining ? [] : state.lanes.filter { $0.value.epoch != nil }.keys.sorted()
        }
        if lanes.isEmpty { return }
        do {
            let jobs = try await feed.jobs(lanes: lanes)
            let now = clock.now()
            let known = Set(jobs.map(\.id))
            let (added, ended) = state.withLock { state in
                let ended = state.cursors.values.filter {
                    $0.cursor.kind == .job && !$0.isDone && !$0.isCancelled && !known.contains($0.cursor.id)
                }.map(\.cursor.id)
                return (install(jobs, at: now, &state), ended)
            }
            dispatcher.add(added)
            cancel(ended)
            if !added.isEmpty { readWake.set() }
        } catch {
            logger.warning("jobs-not-read", ["reason": .describing(error)])
        }
    }

    /// Somebody ended them: what waits is dropped, what is under way goes on.
    private func cancel(_ cursors: [CursorID]) {
        if cursors.isEmpty { return }
        let dropped = dispatcher.remove(cursors: cursors)
        state.withLock { state in
            for cursor in cursors { state.cursors[cursor]?.isCancelled = true }
            for offset in dropped {
                guard let flight = state.flights.removeValue(forKey: offset) else { continue }
                state.cursors[flight.cursor]?.settled(flight.pos, nil)
            }
        }
    }

    // MARK: Switching

    private func openSpans() async {
        let (asked, since) = state.withLock { state in
            if state.switches.isEmpty {
                state.switchingSince = nil
                state.isSwitchUnknown = false
            } else if state.switchingSince == nil {
                state.switchingSince = .now
            }
            return (state.switches, state.switchingSince)
        }
        guard !asked.isEmpty, let since else { return }
        let openings = state.withLock { state in
            asked.map { one -> SpanOpening? in
                guard !state.isDraining, let lane = state.lanes[one.lane], lane.laneEpoch == one.laneEpoch,
                    let epoch = lane.epoch
                else { return nil }
                return SpanOpening(
                    id: CursorID(Ulid.random(at: clock.now())), tenant: one.tenant, endpoint: one.endpoint,
                    lane: one.lane,
                    epoch: epoch, from: one.from)
            }
        }
        let callable = openings.compactMap(\.self)
        var opened: [EndpointID: OpenedSpan] = [:]
        var refused: Set<Int> = []
        do throws(BackboneError) {
            if !callable.isEmpty {
                let answer = try await feed.open(callable)
                for (opening, span) in zip(callable, answer.spans) {
                    if let span { opened[opening.endpoint] = span } else { refused.insert(opening.lane) }
                }
            }
        } catch {
            logger.warning("spans-not-opened", ["reason": .describing(error)])
            // Not known whether it was done: asked again, it answers what it did. That Postgres is away then says nothing
            // of the call before.
            let isUnknown = state.withLock { state in
                if error.code == .outcomeUnknown { state.isSwitchUnknown = true }
                return state.isSwitchUnknown
            }
            if isUnknown {
                if since.duration(to: .now) < Self.switchLimit { return }
                refused.formUnion(callable.map(\.lane))
            }
        }
        finish(asked, opened, refused)
    }

    private func finish(_ asked: [Dispatcher.Switch], _ opened: [EndpointID: OpenedSpan], _ refused: Set<Int>) {
        book.apply([], spans: opened.values.map(\.span))
        let now = clock.now()
        let (added, known) = state.withLock { state in
            // Others may have been asked for, or lost their lanes, meanwhile.
            let answered = Set(asked.map(Asked.init))
            state.switches.removeAll { answered.contains(Asked($0)) }
            state.switchingSince = nil
            state.isSwitchUnknown = false
            for lane in refused where state.lanes[lane] != nil { state.untaken.insert(lane) }
            let added = install(opened.values.map(\.cursor), at: now, &state)
            return (added, (Set(state.cursors.keys), state.lanes.mapValues(\.laneEpoch)))
        }
        dispatcher.add(added)
        for one in asked where known.1[one.lane] == one.laneEpoch {
            // A span whose lane was lost meanwhile is its new owner's.
            let span = opened[one.endpoint].flatMap { known.0.contains($0.cursor.id) ? $0.span : nil }
            dispatcher.switched(one.endpoint, to: span, sender: sender)
        }
        if !added.isEmpty {
            instruments.opened(added.count)
            readWake.set()
        }
    }

    private func closeSpans() async {
        let closing = state.withLock { state in
            state.isDraining
                ? []
                : state.cursors.values.compactMap { active -> (id: CursorID, lane: Int, epoch: Int64)? in
                    guard active.isClosing, let epoch = state.lanes[active.cursor.lane]?.epoch else { return nil }
                    return (active.cursor.id, active.cursor.lane, epoch)
                }
        }
        if closing.isEmpty { return }
        do {
            let answer = try await feed.close(closing)
            let now = clock.now()
            var spans: [FeedSpan] = []
            state.withLock { state in
                for (one, end) in zip(closing, answer.ends) {
                    state.cursors[one.id]?.isClosing = false
                    guard let end else {
                        if state.lanes[one.lane] != nil { state.untaken.insert(one.lane) }
                        continue
                    }
                    guard let endpoint = state.cursors[one.id]?.cursor.endpoint else { continue }
                    state.cursors[one.id]?.cursor.until = end - 1
                    state.cursors[one.id]?.nextRead = now
                    let stay = stay(of: endpoint, at: now, state)
                    state.stays[endpoint] = (stay, now)
                    spans.append(FeedSpan(cursor: one.id, endpoint: endpoint, from: end, to: end))
                }
                if state.stays.count > 10_000 {
                    state.stays = state.stays.filter { now.microseconds(since: $0.value.closedAt) < Self.stayMemory }
                }
            }
            book.apply([], spans: spans)
            instruments.closed(spans.count)
            readWake.set()
        } catch {
            logger.warning("spans-not-closed", ["reason": .describing(error)])
        }
    }

    // MARK: Recording

    /// Who asked, as which owner.
    private struct Asked: Hashable {
        let endpoint: EndpointID
        let laneEpoch: Int64

        init(_ one: Dispatcher.Switch) {
            endpoint = one.endpoint
            laneEpoch = one.laneEpoch
        }
    }

    /// One call at a time: what it tells of deliveries is told once.
    func record() async {
        let begun = state.withLock { state -> [CursorProgress]? in
            if state.isRecording { return nil }
            state.isRecording = true
            return state.cursors.values.compactMap { active in
                state.lanes[active.cursor.lane]?.epoch.flatMap { active.progress(epoch: $0) }
            }
        }
        guard let progress = begun else { return }
        defer { state.withLock { $0.isRecording = false } }
        if progress.isEmpty { return }
        do {
            let states = try await feed.record(progress)
            let cancelled = state.withLock { state -> [CursorID] in
                var cancelled: [CursorID] = []
                var over: [CursorID] = []
                for one in progress {
                    guard state.lanes[one.lane]?.epoch == one.epoch else { continue }
                    switch states[one.id] ?? .gone {
                    case .refused: state.untaken.insert(one.lane)
                    case .gone: over.append(one.id)
                    case .active, .done, .cancelled:
                        state.cursors[one.id]?.recorded(one)
                        let isOver = state.cursors[one.id].map { $0.isDone && $0.progress(epoch: 0)?.isEmpty ?? true }
                        if isOver == true { over.append(one.id) }
                        if states[one.id] == .cancelled { cancelled.append(one.id) }
                    }
                }
                cancelled.removeAll { over.contains($0) || state.cursors[$0]?.isCancelled == true }
                Self.drop(over, &state)
                return cancelled + over
            }
            cancel(cancelled)
        } catch {
            logger.warning("cursors-not-recorded", ["reason": .describing(error)])
        }
    }
}

extension CursorProgress {
    /// Nothing came of deliveries since the last call.
    fileprivate var isEmpty: Bool { delivered + retrying + failed == 0 }
}
