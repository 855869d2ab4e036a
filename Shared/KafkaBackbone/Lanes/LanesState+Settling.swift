internal import Backbone
internal import EventModel

extension LanesState {
    // MARK: Outcomes

    /// What outcomes come to. Those of lanes that are not ours any more are dropped.
    mutating func settle(_ outcomes: [LaneOutcome]) -> Actions {
        var actions = Actions()
        actions.moves.reserveCapacity(outcomes.count)
        for outcome in outcomes {
            let handle = outcome.record.handle
            guard owns(handle.lane, epoch: handle.epoch) else { continue }
            if handle.source == LaneHandle.cursor {
                let move = LaneMove(outcome, slot: nil, subject: .cursor(handle))
                if move.recordCount == 0 {
                    note(move)
                    recordedHandles.append(handle)
                } else {
                    // What follows is read from a delay topic, and is new whatever was known of the delivery.
                    if move.next != nil { attempts.forget(outcome.record.delivery) }
                    begin(move, &actions)
                }
                continue
            }
            let place = Place(lane: handle.lane, source: handle.source)
            if let slot = lanes[place.lane]?.flows[place.source].window[handle.offset], slot.since != nil {
                let move = LaneMove(
                    outcome, slot: slot, subject: .slot(source: handle.source, offset: handle.offset))
                // Its copy may be read before it is known to be written.
                if move.finishes == nil { attempts.close(outcome.record) }
                if move.recordCount == 0 {
                    note(move)
                    finish(place, handle.offset)
                } else {
                    lanes[place.lane]?.flows[place.source].window.setPhase(.recording, of: handle.offset)
                    begin(move, &actions)
                }
            } else if let number = relocated.removeValue(forKey: handle) {
                let move = LaneMove(outcome, slot: nil, subject: .copy(number))
                if move.recordCount == 0 {
                    note(move)
                    copies[number]?.isFinished = true
                } else {
                    begin(move, &actions)
                }
            }
        }
        if !recordedHandles.isEmpty { handOver(to: &actions, at: .now) }
        takeMarks(into: &actions)
        return actions
    }

    private mutating func note(_ move: LaneMove) {
        if let end = move.finishes {
            attempts.finish(end.delivery, attempt: end.attempt, isOver: end.isOver)
        }
    }

    /// What was written, and what of it has to be written again.
    mutating func recorded(_ done: [LaneMove], failed: [LaneMove]) -> Actions {
        var actions = Actions()
        for move in done {
            openMoves -= 1
            note(move)
            guard owns(move.lane, epoch: move.epoch) else { continue }
            lanes[move.lane]?.moves -= 1
            switch move.subject {
            case .slot(let source, let offset): finish(Place(lane: move.lane, source: source), offset)
            case .copy(let number): copies[number]?.isFinished = true
            case .note(let number): copies[number] = nil
            case .cursor(let handle): recordedHandles.append(handle)
            }
            if lanes[move.lane]?.drainUntil != nil, lanes[move.lane]?.moves == 0 { actions.needsTending = true }
        }
        for move in failed {
            if owns(move.lane, epoch: move.epoch) { self.failed.append(move) } else { openMoves -= 1 }
        }
        if !self.failed.isEmpty { actions.needsTending = true }
        if !recordedHandles.isEmpty { handOver(to: &actions, at: .now) }
        takeMarks(into: &actions)
        return actions
    }

    /// Callers of `settle` that may go on.
    mutating func takeSettling() -> [CheckedContinuation<Void, Never>] {
        guard openMoves < bounds.outcomes || isAbandoned else { return [] }
        defer { settling = [] }
        return settling
    }

    // MARK: Time

    /// How often open heads are looked at while there may be stuck ones.
    private static let stuckInterval: Int64 = 100
    /// The longest until the next look.
    private static let restInterval: Int64 = 1_000
    /// How often a lease is looked at that handing out waits for.
    private static let leaseInterval: Int64 = 20
    /// How soon what failed is written again.
    private static let failedPause: Int64 = 100

    /// Does what the time has come for, and says when to do so again.
    mutating func tend(at now: Timestamp, monotonic: ContinuousClock.Instant) -> Actions {
        var actions = Actions()
        actions.moves = failed
        failed = []
        handOutDue(at: now, &actions)
        release(at: now, &actions)
        moveStuckHeads(at: now, monotonic, &actions)
        endDrains(at: now, monotonic, &actions)
        handOver(to: &actions, at: monotonic)
        takeMarks(into: &actions)
        plannedUntil = nextTime(now, hasFailed: !actions.moves.isEmpty)
        return actions
    }

    private func nextTime(_ now: Timestamp, hasFailed: Bool) -> Timestamp {
        var next = now.adding(milliseconds: Self.restInterval)
        if let first = due.first { next = min(next, first) }
        var isDraining = false
        for case let lane? in lanes {
            if lane.drainUntil != nil { isDraining = true }
            for flow in lane.flows {
                if let time = flow.heldUntil { next = min(next, time) }
            }
        }
        if !outbox.isEmpty { next = min(next, now.adding(milliseconds: Self.leaseInterval)) }
        if hasFailed || isDraining || span > bounds.records / 2 || dueBytes > 0 {
            next = min(next, now.adding(milliseconds: hasFailed ? Self.failedPause : Self.stuckInterval))
        }
        return max(next, now)
    }

    private mutating func handOutDue(at now: Timestamp, _ actions: inout Actions) {
        while let handle = due.pop(at: now) {
            let place = Place(lane: handle.lane, source: handle.source)
            guard owns(handle.lane, epoch: handle.epoch), lanes[handle.lane]?.drainUntil == nil,
                let slot = lanes[place.lane]?.flows[place.source].window[handle.offset], slot.isWaiting,
                let record = slot.record
            else { continue }
            switch slot.relocation.flatMap({ copies[$0]?.isFinished }) {
            case true?:
                if let number = slot.relocation { copies[number] = nil }
                finish(place, handle.offset)
            case false?:
                move(slot, place, due: now.adding(seconds: Self.copyPause), relocation: slot.relocation, &actions)
            case nil where attempts.isOver(record.delivery):
                countTwin()
                finish(place, handle.offset)
            case nil: outbox.append(record)
            }
        }
    }

    private mutating func release(at now: Timestamp, _ actions: inout Actions) {
        for lane in lanes.indices {
            guard let flows = lanes[lane]?.flows, lanes[lane]?.drainUntil == nil else { continue }
            for (source, flow) in flows.enumerated() {
                guard let time = flow.heldUntil, time <= now else { continue }
                lanes[lane]?.flows[source].heldUntil = nil
                lanes[lane]?.flows[source].offsets.release()
                actions.releases.append(flow.claim)
            }
        }
    }

    // MARK: Heads that do not come back

    /// A record whose attempt takes long must not hold the window: its copy goes to a delay topic, the attempt goes on.
    private mutating func moveStuckHeads(
        at now: Timestamp, _ monotonic: ContinuousClock.Instant, _ actions: inout Actions
    ) {
        var excess = span - bounds.records / 2
        if excess > 0 {
            let widest = lanes.indices.sorted { spanOf($0) > spanOf($1) }
            for lane in widest where excess > 0 && hasStuckHead(lane, monotonic) {
                excess -= moveStuck(Place(lane: lane, source: 0), atMost: excess, at: now, monotonic, &actions)
            }
        }
        for lane in lanes.indices {
            guard let flows = lanes[lane]?.flows else { continue }
            for source in flows.indices.dropFirst() {
                let excess = flows[source].window.span - bounds.dueRecords / 2
                guard excess > 0 else { continue }
                _ = moveStuck(Place(lane: lane, source: source), atMost: excess, at: now, monotonic, &actions)
            }
        }
    }

    private mutating func hasStuckHead(_ lane: Int, _ monotonic: ContinuousClock.Instant) -> Bool {
        guard let mark = lanes[lane]?.flows[0].window.mark else { return false }
        let patience = bounds.stuckAfter
        return lanes[lane]?.head.standsStill(at: mark, for: patience, now: monotonic) ?? false
    }

    private func spanOf(_ lane: Int) -> Int { lanes[lane]?.flows[0].window.span ?? 0 }

    /// Moves the open records at the head that are old; returns how many the window will be shorter for it.
    private mutating func moveStuck(
        _ place: Place, atMost limit: Int, at now: Timestamp, _ monotonic: ContinuousClock.Instant,
        _ actions: inout Actions
    ) -> Int {
        guard let slots = lanes[place.lane]?.flows[place.source].window.all else { return 0 }
        var passed = 0
        for slot in slots {
            switch slot.phase {
            case .waiting: return passed
            case .recording, .done: break
            case .out(let since):
                guard passed < limit, since + bounds.stuckAfter <= monotonic, relocated.count < bounds.relocations
                else {
                    return passed
                }
                relocate(slot, place, since: since, at: now, monotonic, &actions)
            }
            passed += 1
        }
        return passed
    }

    private mutating func relocate(
        _ slot: RecordWindow.Slot, _ place: Place, since: ContinuousClock.Instant, at now: Timestamp,
        _ monotonic: ContinuousClock.Instant, _ actions: inout Actions
    ) {
        guard let epoch = lanes[place.lane]?.epoch else { return }
        lastCopy &+= 1
        copies[lastCopy] = Copy(lane: place.lane, epoch: epoch)
        relocated[LaneHandle(lane: place.lane, epoch: epoch, source: place.source, offset: slot.offset)] = lastCopy
        let left = max(.zero, bounds.relocationDelay - since.duration(to: monotonic))
        let (seconds, attoseconds) = left.components
        let due = now.adding(microseconds: seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
        move(slot, place, due: due, relocation: lastCopy, &actions)
    }

    // MARK: Giving back

    /// Lanes that have nothing out any more are given back; after the deadline what is out is moved.
    private mutating func endDrains(
        at now: Timestamp, _ monotonic: ContinuousClock.Instant, _ actions: inout Actions
    ) {
        for index in lanes.indices {
            guard let lane = lanes[index], let deadline = lane.drainUntil else { continue }
            let out = lane.flows.contains { $0.window.all.contains { $0.since != nil } }
            if out, monotonic >= deadline, !lane.isMovedOut {
                lanes[index]?.isMovedOut = true
                for (source, flow) in lane.flows.enumerated() {
                    for slot in flow.window.all {
                        guard let since = slot.since else { continue }
                        relocate(slot, Place(lane: index, source: source), since: since, at: now, monotonic, &actions)
                    }
                }
            } else if !out, lane.moves == 0, !noteCopies(of: index, epoch: lane.epoch, &actions) {
                actions.handBacks.append(contentsOf: lane.flows.map(\.claim))
                actions.marks.append(
                    contentsOf: lane.flows.filter { $0.window.next > 0 }.map { ($0.claim, $0.window.mark) })
                actions.ended.append(index)
                lose(index)
            }
        }
    }

    /// The next owner is told which copies are to be dropped; true when there were any.
    private mutating func noteCopies(of lane: Int, epoch: Int64, _ actions: inout Actions) -> Bool {
        let finished = copies.filter { $0.value.lane == lane && $0.value.isFinished }.keys
        for number in finished {
            begin(
                LaneMove(
                    lane: lane, epoch: epoch, subject: .note(number),
                    finishedCopy: FinishedCopy(relocation: number)), &actions)
        }
        return !finished.isEmpty
    }
}
