import Backbone
import EventModel
import Testing

@testable import DeliveryService

@Suite struct CursorScheduleTests {
    let now = Timestamp(seconds: 1_000)

    private func cursor(_ number: UInt64, tenant: String, rate: Double? = nil) -> DeliveryCursor {
        DeliveryCursor(
            id: CursorID(Ulid(high: 1, low: number)), kind: .span,
            tenant: TenantID(tenant) ?? TenantID(Ulid(high: 0, low: 0)),
            endpoint: EndpointID(Ulid(high: 2, low: number)),
            lane: 0, cause: .live, pos: 0, until: nil, ratePerSecond: rate)
    }

    private func records(_ cursor: DeliveryCursor, _ count: Int, size: Int = 2) -> [LaneRecord] {
        (0..<count).map { offset in
            var record = LaneRecord.sample(offset: offset, endpoint: cursor.endpoint)
            record.tenant = cursor.tenant
            record.envelope = Array(repeating: 0x20, count: size)
            return record
        }
    }

    /// What goes out when everything may.
    private func drain(_ schedule: inout CursorSchedule, _ count: Int) -> [CursorID] {
        var order: [CursorID] = []
        while order.count < count, let next = schedule.next(at: now) {
            schedule.take(next.cursor, at: now)
            order.append(next.cursor)
        }
        return order
    }

    @Test func `a tenant with many cursors gets no more than one with a single one`() {
        var schedule = CursorSchedule()
        let many = (0..<9).map { cursor($0, tenant: "many") }
        let one = cursor(100, tenant: "one")
        for each in many + [one] {
            schedule.add(each)
            schedule.append(records(each, 500), to: each.id)
        }
        let order = drain(&schedule, 640)
        #expect(order.count { $0 == one.id } == 320)
        for each in many { #expect((30...42).contains(order.count { $0 == each.id })) }
    }

    @Test func `large events count for more`() {
        var schedule = CursorSchedule()
        let large = cursor(1, tenant: "large")
        let small = cursor(2, tenant: "small")
        schedule.add(large)
        schedule.add(small)
        schedule.append(records(large, 100, size: 7 * 16_384), to: large.id)
        schedule.append(records(small, 1_000), to: small.id)
        let order = drain(&schedule, 360)
        #expect((35...45).contains(order.count { $0 == large.id }))
    }

    @Test func `one that sleeps costs no turn and wakes with its endpoint or its time`() {
        var schedule = CursorSchedule()
        let asleep = cursor(1, tenant: "a")
        let awake = cursor(2, tenant: "a")
        for each in [asleep, awake] {
            schedule.add(each)
            schedule.append(records(each, 3), to: each.id)
        }
        schedule.sleep(asleep.id, until: now.adding(seconds: 30))
        #expect(drain(&schedule, 10) == [awake.id, awake.id, awake.id])
        #expect(!schedule.isAwake)
        schedule.tick(at: now)
        #expect(schedule.nextWake == now.adding(seconds: 30))
        schedule.tick(at: now.adding(seconds: 30))
        #expect(schedule.nextWake == nil)
        #expect(drain(&schedule, 1) == [asleep.id])
        schedule.sleep(asleep.id, until: nil)
        schedule.wake(asleep.endpoint)
        #expect(drain(&schedule, 10) == [asleep.id, asleep.id])
        #expect(schedule.count == 0 && schedule.bytes == 0)
    }

    @Test func `a job keeps its rate`() {
        var schedule = CursorSchedule()
        let slow = cursor(1, tenant: "a", rate: 20)
        schedule.add(slow)
        schedule.append(records(slow, 100), to: slow.id)
        var sent = 0
        for millisecond in 0..<1_000 {
            let time = now.adding(milliseconds: Int64(millisecond))
            schedule.tick(at: time)
            while let next = schedule.next(at: time) {
                schedule.take(next.cursor, at: time)
                sent += 1
            }
        }
        #expect((19...23).contains(sent))
    }

    @Test func `what is dropped is told, what did not go out comes first`() {
        var schedule = CursorSchedule()
        let one = cursor(1, tenant: "a")
        schedule.add(one)
        let all = records(one, 3)
        schedule.append(all, to: one.id)
        _ = drain(&schedule, 1)
        schedule.putBack(all[0], to: one.id, until: now)
        schedule.tick(at: now)
        let first = schedule.next(at: now)
        #expect(first?.record.handle.offset == 0)
        #expect(schedule.remove(one.id) == [0, 1, 2])
        #expect(schedule.isEmpty && !schedule.isAwake && schedule.count == 0)
    }
}
