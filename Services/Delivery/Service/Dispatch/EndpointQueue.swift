internal import Backbone
internal import EventModel

/// What one worker knows of one endpoint: how much is under way, what waits, and whether it is worth trying. A value
/// without I/O or clock; the dispatcher performs what it says.
struct EndpointQueue: Sendable {
    /// What to do with a record that has just come in.
    enum Admission: Equatable {
        case start
        case wait
        /// It waits, and the endpoint is to go to a cursor.
        case waitAndSwitch
        case postpone(until: Timestamp)
    }

    private(set) var inFlight = 0
    private(set) var breaker = Breaker()
    /// What the tenant allows; the dispatcher keeps it up to date.
    var limits = EndpointLimits()
    /// Whose records it takes.
    var lane: Int?
    private var pace = StartPace()
    private var waiting: [(record: LaneRecord, since: Timestamp)] = []
    private var firstWaiting = 0
    /// When a waiting record was started last, and how long it had waited, in microseconds.
    private var lastStart: (at: Timestamp, waited: Int64)?
    /// Successes in the second that began at `start`, and in the one before it.
    private var successes: (start: Timestamp, count: Int64, before: Int64) = (Timestamp(seconds: 0), 0, 0)
    /// Records sent to the companions since the endpoint last had room: they come back one after the other.
    private var postponed: Int64 = 0
    /// Set while the endpoint stands in the dispatcher's ready list.
    var isListed = false

    /// The highest position of the lane that was started or sent to the companions.
    private var highestPos: Int64 = 0
    /// Set while a span is asked for: live records from this position on wait for the answer.
    private(set) var switchingFrom: Int64?
    /// A span was asked for in vain: not again before this.
    private var noSwitchBefore = Timestamp(seconds: 0)

    /// When the record that waits first was put on the feed.
    var oldestWaiting: Timestamp? { waitingCount > 0 ? waiting[firstWaiting].record.recordedAt : nil }
    var waitingCount: Int { waiting.count - firstWaiting }

    /// Whether there is nothing to do for it, now or soon.
    func isResting(at now: Timestamp) -> Bool {
        inFlight == 0 && waitingCount == 0 && !isListed && pace.isRested(at: now)
    }

    /// Without the room for what waited.
    func resting() -> EndpointQueue {
        var copy = self
        copy.waiting = []
        copy.firstWaiting = 0
        return copy
    }

    /// Whether one more may start as far as this endpoint is concerned, for the one that stands first in the queue.
    private mutating func hasRoom(at now: Timestamp, _ policy: DispatchPolicy) -> Bool {
        guard hasSlot(policy), pace.admits(at: now, limits.ratePerSecond) else { return false }
        return breaker.admits(at: now)
    }

    private func hasSlot(_ policy: DispatchPolicy) -> Bool {
        inFlight < min(policy.inFlightPerEndpoint, limits.inFlight ?? .max, pace.allowance ?? policy.firstInFlight)
    }

    private mutating func start(at now: Timestamp) {
        inFlight += 1
        pace.started(at: now, limits.ratePerSecond)
    }

    /// Whether it takes records so fast that those behind may as well wait for it: moving them out of the way and back
    /// would cost more than it gains.
    func keepsUp(at now: Timestamp, _ policy: DispatchPolicy) -> Bool {
        guard !breaker.isOpen, lastStart?.waited ?? 0 <= policy.longestWait else { return false }
        guard waitingCount > 0 else { return true }
        let lastTurn = max(lastStart?.at ?? waiting[firstWaiting].since, waiting[firstWaiting].since)
        return now.microseconds(since: lastTurn) <= policy.longestGap
    }

    /// - Parameters:
    ///   - hasGlobalRoom: Whether the process may start another POST.
    ///   - isAlone: Whether no other endpoint has records that would have to wait for this one's.
    ///   - bound: How many may wait; nil: as the policy says.
    mutating func admit(
        _ record: LaneRecord, at now: Timestamp, hasGlobalRoom: Bool, isAlone: Bool = false, bound: Int? = nil,
        _ policy: DispatchPolicy
    ) -> Admission {
        if isHeld(record) { return wait(record, at: now) }
        let admission = admission(record, at: now, hasGlobalRoom, isAlone, bound ?? policy.waitingPerEndpoint, policy)
        if isLive(record) {
            switch admission {
            case .start, .postpone: highestPos = max(highestPos, record.pos)
            case .wait, .waitAndSwitch: break
            }
        }
        return admission
    }

    private mutating func admission(
        _ record: LaneRecord, at now: Timestamp, _ hasGlobalRoom: Bool, _ isAlone: Bool, _ bound: Int,
        _ policy: DispatchPolicy
    ) -> Admission {
        let maySwitch = maySwitch(record, at: now, policy)
        if let probe = breaker.nextProbe {
            if waitingCount == 0, hasGlobalRoom, hasRoom(at: now, policy) {
                start(at: now)
                return .start
            }
            if maySwitch {
                _ = wait(record, at: now)
                return isOverdue(at: now, policy) || waitingCount > policy.waitingWhileOpen ? .waitAndSwitch : .wait
            }
            return .postpone(
                until: returnTime(notBefore: max(probe, now.adding(microseconds: policy.postponement)), policy))
        }
        if waitingCount == 0, hasGlobalRoom, hasRoom(at: now, policy) {
            start(at: now)
            return .start
        }
        if waitingCount < bound || (isAlone && keepsUp(at: now, policy)) { return wait(record, at: now) }
        if maySwitch {
            _ = wait(record, at: now)
            return .waitAndSwitch
        }
        return .postpone(until: returnTime(notBefore: now.adding(microseconds: policy.postponement), policy))
    }

    private mutating func wait(_ record: LaneRecord, at now: Timestamp) -> Admission {
        waiting.append((record, now))
        return .wait
    }

    private mutating func returnTime(notBefore: Timestamp, _ policy: DispatchPolicy) -> Timestamp {
        postponed += 1
        let rate = max(policy.returnRate, successes.before, successes.count)
        let own = limits.ratePerSecond.map { min(Double(rate), $0) } ?? Double(rate)
        return notBefore.adding(microseconds: Int64(min(Double(postponed) * 1_000_000 / own, 3.6e9)))
    }

    private mutating func countSuccess(at now: Timestamp) {
        let age = now.microseconds(since: successes.start)
        if age >= 1_000_000 { successes = (now, 0, age < 2_000_000 ? successes.count : 0) }
        successes.count += 1
    }

    /// The next waiting record that may start now; nil when there is none or no room.
    mutating func startNext(at now: Timestamp, _ policy: DispatchPolicy) -> LaneRecord? {
        guard waitingCount > 0, !isHeld(waiting[firstWaiting].record), hasRoom(at: now, policy) else { return nil }
        start(at: now)
        let (record, since) = takeFirst()
        lastStart = (now, now.microseconds(since: since))
        if isLive(record) { highestPos = max(highestPos, record.pos) }
        return record
    }

    /// An event of a cursor may start: takes the place for it.
    mutating func startForCursor(at now: Timestamp, _ policy: DispatchPolicy) -> Bool {
        // Its own live records come first.
        guard waitingCount == 0 || switchingFrom != nil, hasRoom(at: now, policy) else { return false }
        start(at: now)
        return true
    }

    /// When it may be worth asking again; nil: when something of it has ended.
    func nextStart(at now: Timestamp, _ policy: DispatchPolicy) -> Timestamp? {
        guard hasSlot(policy) else { return nil }
        return [breaker.probeTime, pace.nextStart(limits.ratePerSecond)].compactMap(\.self).max()
    }

    private mutating func takeFirst() -> (record: LaneRecord, since: Timestamp) {
        let first = waiting[firstWaiting]
        firstWaiting += 1
        if firstWaiting == waiting.count {
            waiting.removeAll(keepingCapacity: true)
            firstWaiting = 0
        } else if firstWaiting >= 256 {
            waiting.removeFirst(firstWaiting)
            firstWaiting = 0
        }
        return first
    }

    /// A started one did not go out after all.
    mutating func abandonStart() {
        inFlight -= 1
        breaker.releaseProbe()
    }

    /// - Parameter isSilent: Whether it failed for want of an answer.
    /// - Returns: True when the endpoint's breaker changed.
    mutating func ended(
        succeeded: Bool, isSilent: Bool = false, at now: Timestamp, _ policy: DispatchPolicy
    ) -> Bool {
        inFlight -= 1
        pace.ended(succeeded: succeeded, isSilent: isSilent, policy)
        if succeeded {
            postponed = max(0, postponed - 1)
            countSuccess(at: now)
            return breaker.succeeded()
        }
        return breaker.failed(at: now, policy: policy.breaker)
    }

    /// What waits, because the breaker opened or the endpoint ended: each with the time to come back at. What waits for a
    /// span stays; with `keepingLive` whatever a cursor could deliver stays.
    mutating func drainWaiting(
        at now: Timestamp, keepingLive: Bool = false, _ policy: DispatchPolicy
    ) -> [(LaneRecord, Timestamp)] {
        let probe = breaker.nextProbe ?? now.adding(microseconds: policy.postponement)
        let all = waiting[firstWaiting...]
        firstWaiting = 0
        var drained: [(LaneRecord, Timestamp)] = []
        var kept: [(record: LaneRecord, since: Timestamp)] = []
        for item in all {
            if isHeld(item.record) || (keepingLive && isLive(item.record)) {
                kept.append(item)
            } else {
                if isLive(item.record) { highestPos = max(highestPos, item.record.pos) }
                drained.append((item.record, returnTime(notBefore: probe, policy)))
            }
        }
        waiting = kept
        return drained
    }

    /// Drops what waits for lanes that were lost, and what was asked for them.
    mutating func forget(lanes: Set<Int>) {
        guard waitingCount > 0 else { return }
        if lanes.contains(waiting[firstWaiting].record.handle.lane) { switchingFrom = nil }
        waiting = waiting[firstWaiting...].filter { !lanes.contains($0.record.handle.lane) }
        firstWaiting = 0
    }

    // MARK: Going to a cursor

    private func isLive(_ record: LaneRecord) -> Bool { record.handle.source == 0 && record.cause == .live }

    /// Whether the record waits for the answer to a switch.
    private func isHeld(_ record: LaneRecord) -> Bool {
        guard let switchingFrom else { return false }
        return isLive(record) && record.pos >= switchingFrom
    }

    private func maySwitch(_ record: LaneRecord, at now: Timestamp, _ policy: DispatchPolicy) -> Bool {
        policy.maySwitch && isLive(record) && now >= noSwitchBefore
    }

    /// Its breaker has been open for long.
    private func isOverdue(at now: Timestamp, _ policy: DispatchPolicy) -> Bool {
        breaker.openSince.map { now.microseconds(since: $0) >= policy.switchAfter } ?? false
    }

    /// Whether records that wait here have waited long enough for an endpoint that does not answer.
    func shouldSwitch(at now: Timestamp, _ policy: DispatchPolicy) -> Bool {
        guard policy.maySwitch, switchingFrom == nil, now >= noSwitchBefore, breaker.isOpen, waitingCount > 0 else {
            return false
        }
        return (isOverdue(at: now, policy) || waitingCount > policy.waitingWhileOpen) && firstLive != nil
    }

    private var firstLive: LaneRecord? { waiting[firstWaiting...].first { isLive($0.record) }?.record }

    /// Asks for a span: from here on nothing live is started or sent away from the position that this gives. Nil where there
    /// is nothing to switch, or it was asked for already.
    mutating func beginSwitch() -> (from: Int64, record: LaneRecord)? {
        guard switchingFrom == nil, let first = firstLive else { return nil }
        let from = max(highestPos + 1, first.pos)
        switchingFrom = from
        return (from, first)
    }

    /// The span is open: what waits in it is the cursor's.
    mutating func switched(to span: FeedSpan) -> [LaneRecord] {
        switchingFrom = nil
        let all = waiting[firstWaiting...]
        firstWaiting = 0
        waiting = all.filter { !(isLive($0.record) && span.contains($0.record.pos)) }
        return all.filter { isLive($0.record) && span.contains($0.record.pos) }.map(\.record)
    }

    /// There is no span, and there will be none for a while.
    mutating func notSwitched(until time: Timestamp) {
        switchingFrom = nil
        noSwitchBefore = time
    }
}
