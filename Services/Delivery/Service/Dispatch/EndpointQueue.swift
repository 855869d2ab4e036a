internal import Backbone
internal import EventModel

/// What one worker knows of one endpoint: how much is under way, what waits, and whether it is worth trying. A value
/// without I/O or clock; the dispatcher performs what it says.
struct EndpointQueue: Sendable {
    /// What to do with a record that has just come in.
    enum Admission: Equatable {
        case start
        case wait
        case postpone(until: Timestamp)
    }

    private(set) var inFlight = 0
    private(set) var breaker = Breaker()
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

    /// When the record that waits first was put on the feed.
    var oldestWaiting: Timestamp? { waitingCount > 0 ? waiting[firstWaiting].record.recordedAt : nil }
    var waitingCount: Int { waiting.count - firstWaiting }
    var isIdle: Bool { inFlight == 0 && waitingCount == 0 && !breaker.isOpen }

    /// Whether one more may start as far as this endpoint is concerned, for the one that stands first in the queue.
    private mutating func hasRoom(at now: Timestamp, _ policy: DispatchPolicy) -> Bool {
        inFlight < policy.inFlightPerEndpoint && breaker.admits(at: now)
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
    mutating func admit(
        _ record: LaneRecord, at now: Timestamp, hasGlobalRoom: Bool, isAlone: Bool = false, _ policy: DispatchPolicy
    ) -> Admission {
        if let probe = breaker.nextProbe {
            if hasGlobalRoom, inFlight < policy.inFlightPerEndpoint, breaker.admits(at: now) {
                inFlight += 1
                return .start
            }
            return .postpone(
                until: returnTime(notBefore: max(probe, now.adding(microseconds: policy.postponement)), policy))
        }
        if waitingCount == 0, hasGlobalRoom, hasRoom(at: now, policy) {
            inFlight += 1
            return .start
        }
        if waitingCount < policy.waitingPerEndpoint || (isAlone && keepsUp(at: now, policy)) {
            waiting.append((record, now))
            return .wait
        }
        return .postpone(until: returnTime(notBefore: now.adding(microseconds: policy.postponement), policy))
    }

    private mutating func returnTime(notBefore: Timestamp, _ policy: DispatchPolicy) -> Timestamp {
        postponed += 1
        let rate = max(policy.returnRate, successes.before, successes.count)
        return notBefore.adding(microseconds: postponed * 1_000_000 / rate)
    }

    private mutating func countSuccess(at now: Timestamp) {
        let age = now.microseconds(since: successes.start)
        if age >= 1_000_000 { successes = (now, 0, age < 2_000_000 ? successes.count : 0) }
        successes.count += 1
    }

    /// The next waiting record that may start now; nil when there is none or no room.
    mutating func startNext(at now: Timestamp, _ policy: DispatchPolicy) -> LaneRecord? {
        guard waitingCount > 0, hasRoom(at: now, policy) else { return nil }
        inFlight += 1
        let (record, since) = takeFirst()
        lastStart = (now, now.microseconds(since: since))
        return record
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

    /// - Returns: True when the endpoint's breaker changed.
    mutating func ended(succeeded: Bool, at now: Timestamp, _ policy: DispatchPolicy) -> Bool {
        inFlight -= 1
        if succeeded {
            postponed = max(0, postponed - 1)
            countSuccess(at: now)
            return breaker.succeeded()
        }
        return breaker.failed(at: now, policy: policy.breaker)
    }

    /// Everything that waits, because the breaker opened or the endpoint ended: each with the time to come back at.
    mutating func drainWaiting(at now: Timestamp, _ policy: DispatchPolicy) -> [(LaneRecord, Timestamp)] {
        let probe = breaker.nextProbe ?? now.adding(microseconds: policy.postponement)
        let records = waiting[firstWaiting...]
        let result = records.map { ($0.record, returnTime(notBefore: probe, policy)) }
        waiting.removeAll()
        firstWaiting = 0
        return result
    }

    /// Drops what waits for lanes that were lost.
    mutating func forget(lanes: Set<Int>) {
        guard waitingCount > 0 else { return }
        waiting = waiting[firstWaiting...].filter { !lanes.contains($0.record.handle.lane) }
        firstWaiting = 0
    }
}
