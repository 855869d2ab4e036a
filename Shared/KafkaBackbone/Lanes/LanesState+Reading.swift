internal import Backbone
internal import EventModel

extension LanesState {
    /// Records of a delay partition are looked at this long before their turn, so that one pause serves all of a second.
    private static let slack: Int64 = 1_000_000
    /// What is due within this is waited for in memory.
    private static let memory: Int64 = 2_000_000
    /// How soon a delay partition that was stopped for want of memory is looked at again.
    private static let crowdedPause: Int64 = 200
    /// How much later a copy is looked at again whose attempt still goes on.
    static let copyPause: Int64 = 30

    /// Takes in what was read, as far as there is room.
    ///
    /// - Returns: how many of `records` it took in, or left out for good.
    mutating func takeIn(_ records: ArraySlice<Read>, at now: Timestamp) -> (taken: Int, actions: Actions) {
        var actions = Actions()
        var taken = 0
        for read in records {
            let place = Place(lane: Int(read.claim.partition), source: read.claim.topic)
            // Asked in place: a lane held in a constant here would be copied, windows and all, by the change below.
            guard lanes[place.lane]?.flows[place.source].claim == read.claim, lanes[place.lane]?.drainUntil == nil
            else {
                taken += 1
                continue
            }
            if place.source == 0, span >= bounds.records || bytes >= bounds.bytes {
                wantsRoom = true
                break
            }
            taken += 1
            switch lanes[place.lane]?.flows[place.source].offsets.judge(read.offset) {
            case .take: take(read, place, at: now, &actions)
            case .reread(let offset): actions.rereads.append((read.claim, offset))
            case .ignore, nil: break
            }
        }
        handOver(to: &actions, at: .now)
        takeMarks(into: &actions)
        return (taken, actions)
    }

    private mutating func take(_ read: Read, _ place: Place, at now: Timestamp, _ actions: inout Actions) {
        switch read.content {
        case .unreadable(let parked): park(parked, read, place, &actions)
        case .finishedCopy(let copy):
            copies[copy.relocation] = Copy(lane: place.lane, epoch: lanes[place.lane]?.epoch ?? 0, isFinished: true)
            skip(read, place)
        case .delivery(let body):
            if isTwin(body) {
                countTwin()
                if let number = body.relocation { copies[number] = nil }
                skip(read, place)
            } else if place.source == 0 {
                add(body, read, place, .waiting)
                if let record = record(place, read.offset) { outbox.append(record) }
            } else {
                takeDelayed(body, read, place, at: now, &actions)
            }
        }
    }

    private func isTwin(_ body: LaneRecordBody) -> Bool {
        let delivery = DeliveryID(event: body.event, endpoint: body.endpoint, cause: body.cause)
        return attempts.isPast(delivery, attempt: body.attempt)
    }

    private mutating func takeDelayed(
        _ body: LaneRecordBody, _ read: Read, _ place: Place, at now: Timestamp, _ actions: inout Actions
    ) {
        if let number = body.relocation, copies[number]?.isFinished == true {
            copies[number] = nil
            return skip(read, place)
        }
        let due = body.due ?? now
        let tier = DelayTier.allCases[place.source - 1]
        let turn = tier.looksAt(logged: read.logged, due: due)
        if turn.microseconds(since: now) > Self.slack { return hold(read, place, until: turn, &actions) }
        if dueBytes + body.envelope.count > bounds.bytes, dueBytes > 0 {
            return hold(read, place, until: now.adding(milliseconds: Self.crowdedPause), &actions)
        }
        add(body, read, place, .waiting)
        if due.microseconds(since: now) > Self.memory {
            if let slot = lanes[place.lane]?.flows[place.source].window[read.offset] {
                move(slot, place, due: due, relocation: body.relocation, &actions)
            }
        } else if let epoch = lanes[place.lane]?.epoch {
            wait(
                for: LaneHandle(lane: place.lane, epoch: epoch, source: place.source, offset: read.offset),
                until: due, &actions)
        }
    }

    private mutating func wait(for handle: LaneHandle, until time: Timestamp, _ actions: inout Actions) {
        due.add(handle, due: time)
        plan(time, &actions)
    }

    private mutating func hold(_ read: Read, _ place: Place, until time: Timestamp, _ actions: inout Actions) {
        lanes[place.lane]?.flows[place.source].offsets.hold(at: read.offset)
        lanes[place.lane]?.flows[place.source].heldUntil = time
        actions.holds.append((read.claim, read.offset))
        plan(time, &actions)
    }

    /// The tending task has to look at something then.
    mutating func plan(_ time: Timestamp, _ actions: inout Actions) {
        if plannedUntil.map({ time < $0 }) ?? true { actions.needsTending = true }
    }

    private mutating func park(_ parked: ParkedReason, _ read: Read, _ place: Place, _ actions: inout Actions) {
        guard let epoch = lanes[place.lane]?.epoch else { return }
        lanes[place.lane]?.flows[place.source].window.add(RecordWindow.Slot(offset: read.offset, phase: .recording))
        if place.source == 0 { span += 1 }
        begin(
            LaneMove(
                lane: place.lane, epoch: epoch, subject: .slot(source: place.source, offset: read.offset),
                parked: ParkedRecord(
                    topic: sourceNames[place.source], part: place.lane, offset: read.offset, reason: parked.reason,
                    record: parked.bytes)),
            &actions)
    }

    /// Nothing is to be done with it.
    private mutating func skip(_ read: Read, _ place: Place) {
        lanes[place.lane]?.flows[place.source].window.add(RecordWindow.Slot(offset: read.offset, phase: .waiting))
        if place.source == 0 { span += 1 }
        finish(place, read.offset)
    }

    private mutating func add(_ body: LaneRecordBody, _ read: Read, _ place: Place, _ phase: RecordWindow.Phase) {
        guard let epoch = lanes[place.lane]?.epoch else { return }
        let handle = LaneHandle(lane: place.lane, epoch: epoch, source: place.source, offset: read.offset)
        let slot = RecordWindow.Slot(
            offset: read.offset, phase: phase, record: body.record(handle), due: body.due,
            relocation: body.relocation, unknown: body.unknown)
        lanes[place.lane]?.flows[place.source].window.add(slot)
        if let record = slot.record { attempts.open(record) }
        if place.source == 0 {
            span += 1
            bytes += slot.bytes
        } else {
            dueBytes += slot.bytes
        }
    }

    private func record(_ place: Place, _ offset: Int64) -> LaneRecord? {
        lanes[place.lane]?.flows[place.source].window[offset]?.record
    }
}
