import Backbone
import EventModel
import Testing

@testable import DeliveryService

@Suite struct EndpointQueueTests {
    let now = Timestamp(seconds: 1_000)
    var policy: DispatchPolicy {
        var policy = DispatchPolicy()
        policy.inFlightPerEndpoint = 2
        policy.waitingPerEndpoint = 3
        policy.breakerFailures = 2
        return policy
    }

    @Test func `records start up to the cap, wait up to the bound, and then go back`() {
        var queue = EndpointQueue()
        var admissions: [EndpointQueue.Admission] = []
        for offset in 0..<6 {
            admissions.append(queue.admit(.sample(offset: offset), at: now, hasGlobalRoom: true, policy))
        }
        #expect(admissions[..<5] == [.start, .start, .wait, .wait, .wait])
        guard case .postpone(let due) = admissions[5] else {
            Issue.record("the sixth must go to the companions")
            return
        }
        #expect(due > now)
    }

    @Test func `waiting records start in order when there is room`() {
        var queue = EndpointQueue()
        for offset in 0..<5 { _ = queue.admit(.sample(offset: offset), at: now, hasGlobalRoom: true, policy) }
        let next1 = queue.startNext(at: now, policy)
        #expect(next1 == nil)
        _ = queue.ended(succeeded: true, at: now, policy)
        let next2 = queue.startNext(at: now, policy)
        #expect(next2?.handle.offset == 2)
        _ = queue.ended(succeeded: true, at: now, policy)
        _ = queue.ended(succeeded: true, at: now, policy)
        let next3 = queue.startNext(at: now, policy)
        #expect(next3?.handle.offset == 3)
        let next4 = queue.startNext(at: now, policy)
        #expect(next4?.handle.offset == 4)
        let next5 = queue.startNext(at: now, policy)
        #expect(next5 == nil)
    }

    @Test func `without room in the process nothing starts`() {
        var queue = EndpointQueue()
        let next6 = queue.admit(.sample(offset: 0), at: now, hasGlobalRoom: false, policy)
        #expect(next6 == .wait)
    }

    @Test func `an open breaker sends what waits to the companions, one after the other`() {
        var queue = EndpointQueue()
        for offset in 0..<5 { _ = queue.admit(.sample(offset: offset), at: now, hasGlobalRoom: true, policy) }
        _ = queue.ended(succeeded: false, at: now, policy)
        let opened = queue.ended(succeeded: false, at: now, policy)
        #expect(opened && queue.breaker.isOpen)
        let drained = queue.drainWaiting(at: now, policy)
        #expect(drained.map(\.0.handle.offset) == [2, 3, 4])
        #expect(drained.allSatisfy { $0.1 >= now.adding(seconds: 30) })
        #expect(zip(drained, drained.dropFirst()).allSatisfy { $0.1 < $1.1 })
        let ninth = queue.admit(.sample(offset: 9), at: now, hasGlobalRoom: true, policy)
        guard case .postpone = ninth else {
            Issue.record("an open breaker starts nothing before its probe")
            return
        }
        let next7 = queue.admit(.sample(offset: 10), at: now.adding(seconds: 31), hasGlobalRoom: true, policy)
        #expect(next7 == .start)
    }

    @Test func `records of lost lanes are forgotten`() {
        var queue = EndpointQueue()
        for offset in 0..<5 {
            _ = queue.admit(.sample(offset: offset, lane: offset % 2), at: now, hasGlobalRoom: true, policy)
        }
        queue.forget(lanes: [0])
        #expect(queue.waitingCount == 1)
    }
}

extension LaneRecord {
    static let endpoint = EndpointID(Ulid(high: 1, low: 1))

    static func sample(
        offset: Int, lane: Int = 0, attempt: Int = 1, cause: Cause = .live,
        at time: Timestamp = Timestamp(seconds: 1_000),
        endpoint: EndpointID = LaneRecord.endpoint
    ) -> LaneRecord {
        let event = EventID(Ulid(milliseconds: 1_000_000, randomHigh: 0, randomLow: UInt64(offset)))
        return LaneRecord(
            handle: LaneHandle(lane: lane, epoch: 1, source: 0, offset: Int64(offset)),
            delivery: DeliveryID(event: event, endpoint: endpoint, cause: cause), endpoint: endpoint, event: event,
            tenant: TenantID(Ulid(high: 0, low: 1)), type: "run.completed", pos: Int64(offset), cause: cause,
            attempt: attempt, configVersion: 1, recordedAt: time, firstDueAt: time, envelope: Array("{}".utf8))
    }
}
