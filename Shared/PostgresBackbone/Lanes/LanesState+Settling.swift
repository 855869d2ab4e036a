internal import Backbone
internal import EventModel
internal import Store

extension LanesState {
    /// Outcomes of one call.
    static let callOutcomes = 1_000

    /// Takes what is to be recorded now; nil when there is nothing.
    ///
    /// - Parameters:
    ///   - now: monotonic; `clock` the wall clock's time.
    ///   - isIdleCallDue: whether positions of idle lanes are recorded too.
    mutating func takeWork(
        _ window: PostgresBackboneConfiguration.Window, now: ContinuousClock.Instant, clock: Timestamp,
        isIdleCallDue: Bool
    ) -> SettleWork? {
        var work = SettleWork()
        var touched = Set<Int>()
        takeOutcomes(into: &work, &touched)
        for orphan in orphans {
            guard let epoch = lanes[orphan.lane]?.epoch else { continue }
            work.entries.append(.drop(orphan.delivery, lane: OwnedPart(part: orphan.lane, epoch: epoch)))
            touched.insert(orphan.lane)
        }
        orphans = []
        moveStuckHeads(window, now: now, clock: clock, into: &work, &touched)
        finishDrains(window, now: now, clock: clock, into: &work, &touched)
        for part in lanes.indices {
            guard let lane = lanes[part] else { continue }
            let settled = lane.slots.head.map { $0.seq - 1 } ?? lane.readLimit ?? plan.readPosition(of: part)
            guard touched.contains(part) || (isIdleCallDue && settled > lane.recorded) else { continue }
            work.settled.append((OwnedPart(part: part, epoch: lane.epoch), settled))
        }
        return work.isEmpty ? nil : work
    }

    private mutating func takeOutcomes(into work: inout SettleWork, _ touched: inout Set<Int>) {
        let taken = outcomes.prefix(Self.callOutcomes)
        work.entries.reserveCapacity(taken.count)
        for outcome in taken {
            let handle = outcome.record.handle
            let part = handle.lane
            guard owns(OwnedPart(part: part, epoch: handle.epoch)) else { continue }
            if handle.source == LaneHandle.cursor {
                work.entries.append(.outcome(withoutTwin(outcome), hasRow: false))
            } else if handle.source == 0, finish(part, handle.offset) != nil {
                work.entries.append(.outcome(outcome, hasRow: false))
            } else if due.beginSettling(outcome.record.delivery) {
                work.entries.append(.outcome(outcome, hasRow: true))
            } else {
                continue
            }
            touched.insert(part)
        }
        outcomes.removeFirst(taken.count)
    }

    /// After a takeover a cursor may send what also waits for its next attempt: that row stays as it is.
    private func withoutTwin(_ outcome: LaneOutcome) -> LaneOutcome {
        guard due.entries[outcome.record.delivery] != nil else { return outcome }
        switch outcome.next {
        case .retry, .postponed: return LaneOutcome(record: outcome.record, audit: outcome.audit, next: .finished)
        case .finished, .dead: return outcome
        }
    }

    private mutating func finish(_ part: Int, _ seq: Int64) -> LaneSlots.Slot? {
        guard let before = lanes[part]?.slots.span, let slot = lanes[part]?.slots.finish(seq) else { return nil }
        let after = lanes[part]?.slots.span ?? 0
        span += after - before
        lanes[part]?.bytes -= slot.bytes
        bytes -= slot.bytes
        return slot
    }

    /// A head that does not come back must not hold the window: its copy goes to the due table, the attempt goes on.
    private mutating func moveStuckHeads(
        _ window: PostgresBackboneConfiguration.Window, now: ContinuousClock.Instant, clock: Timestamp,
        into work: inout SettleWork, _ touched: inout Set<Int>
    ) {
        guard span > window.records / 2 else { return }
        let widest = lanes.indices.filter { lanes[$0]?.slots.isHeld == true }.sorted {
            (lanes[$0]?.slots.span ?? 0) > (lanes[$1]?.slots.span ?? 0)
        }
        for part in widest where hasStuckHead(part, window, now: now) {
            while span > window.records / 2, due.count < window.dueRecords,
                let epoch = lanes[part]?.epoch, let head = lanes[part]?.slots.head, let since = head.receivedAt,
                since + window.stuckAfter <= now
            {
                let lane = OwnedPart(part: part, epoch: epoch)
                let time = window.relocation(since: since, now: now, clock: clock)
                move(head, lane, due: time, into: &work)
                touched.insert(part)
            }
        }
    }

    private mutating func hasStuckHead(
        _ part: Int, _ window: PostgresBackboneConfiguration.Window, now: ContinuousClock.Instant
    ) -> Bool {
        guard let seq = lanes[part]?.slots.head?.seq else { return false }
        return lanes[part]?.head.standsStill(at: seq, for: window.stuckAfter, now: now) ?? false
    }

    private mutating func move(
        _ slot: LaneSlots.Slot, _ lane: OwnedPart, due time: Timestamp, into work: inout SettleWork
    ) {
        _ = finish(lane.part, slot.seq)
        due.move(slot, lane: lane)
        work.entries.append(.move(slot, lane: lane, due: time))
    }

    /// Lanes that are to be given back and have nothing out any more; after the deadline what is out is moved.
    private mutating func finishDrains(
        _ window: PostgresBackboneConfiguration.Window, now: ContinuousClock.Instant, clock: Timestamp,
        into work: inout SettleWork, _ touched: inout Set<Int>
    ) {
        for part in lanes.indices {
            guard let lane = lanes[part], let deadline = lane.drainUntil else { continue }
            let owned = OwnedPart(part: part, epoch: lane.epoch)
            // Outcomes that wait in the queue come first.
            if outcomes.contains(where: { $0.record.handle.lane == part }), now < deadline { continue }
            let isOut = due.entries.contains { $0.value.lane.part == part && $0.value.outSince != nil }
            if lane.slots.isHeld || isOut {
                guard now >= deadline else { continue }
                for slot in lane.slots.held {
                    let time = window.relocation(since: slot.receivedAt ?? now, now: now, clock: clock)
                    move(slot, owned, due: time, into: &work)
                }
                for (delivery, entry) in due.entries where entry.lane.part == part {
                    guard let since = entry.outSince else { continue }
                    let time = window.relocation(since: since, now: now, clock: clock)
                    work.entries.append(.postpone(delivery, entry, due: time))
                }
            }
            work.drained.append(owned)
            touched.insert(part)
        }
    }

    /// The call is durable.
    mutating func recorded(_ work: SettleWork) {
        for position in work.settled where owns(position.lane) {
            let known = lanes[position.lane.part]?.recorded ?? 0
            lanes[position.lane.part]?.recorded = max(known, position.seq)
        }
        for entry in work.entries where owns(entry.lane) {
            switch entry {
            case .outcome(let outcome, let hasRow):
                if hasRow { due.settled(outcome.record.delivery) }
                if outcome.record.handle.source == LaneHandle.cursor { recordedHandles.append(outcome.record.handle) }
                switch outcome.next {
                case .retry(_, let time), .postponed(let time): due.written(outcome.record.delivery, due: time)
                case .finished, .dead: break
                }
            case .move(_, _, let time), .postpone(_, _, let time): due.wait(until: time)
            case .drop(let delivery, _): due.settled(delivery)
            }
        }
        for lane in work.drained { lose(lane) }
    }
}

extension PostgresBackboneConfiguration.Window {
    /// When the copy of a record that the worker got at `since` may be sent.
    fileprivate func relocation(
        since: ContinuousClock.Instant, now: ContinuousClock.Instant, clock: Timestamp
    ) -> Timestamp {
        let left = max(.zero, relocationDelay - since.duration(to: now))
        let (seconds, attoseconds) = left.components
        return clock.adding(microseconds: seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
    }
}
