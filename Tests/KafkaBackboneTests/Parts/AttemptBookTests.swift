internal import Backbone
internal import EventModel
internal import Testing

@testable internal import KafkaBackbone

@Suite struct AttemptBookTests {
    private func record(_ number: UInt64, attempt: Int = 1, at offset: Int64 = 0) -> LaneRecord {
        let endpoint = EndpointID(Ulid(high: 7, low: 7))
        let event = EventID(Ulid(high: 1, low: number))
        return LaneRecord(
            handle: LaneHandle(lane: 0, epoch: 1, source: 0, offset: offset),
            delivery: DeliveryID(event: event, endpoint: endpoint, cause: .live), endpoint: endpoint, event: event,
            tenant: TenantID(Ulid(high: 1, low: 1)), type: "a", pos: 1, cause: .live, attempt: attempt,
            configVersion: 1, recordedAt: Timestamp(milliseconds: 0), firstDueAt: Timestamp(milliseconds: 0),
            envelope: [])
    }

    @Test func `an attempt is past while it is under way and when it is made, the next is not`() {
        var book = AttemptBook(limit: 4)
        let delivery = record(1).delivery
        #expect(!book.isPast(delivery, attempt: 1))
        book.open(record(1))
        #expect(book.isPast(delivery, attempt: 1))
        #expect(!book.isPast(delivery, attempt: 2))
        book.finish(delivery, attempt: 1, isOver: false)
        #expect(book.isPast(delivery, attempt: 1))
        #expect(!book.isPast(delivery, attempt: 2) && !book.isOver(delivery))
        book.open(record(1, attempt: 2))
        book.finish(delivery, attempt: 2, isOver: true)
        #expect(book.isPast(delivery, attempt: 9) && book.isOver(delivery))
    }

    @Test func `a late answer to an earlier attempt does not undo a later one, unless it ends the delivery`() {
        var book = AttemptBook(limit: 4)
        let delivery = record(1).delivery
        book.open(record(1))
        book.open(record(1, attempt: 2, at: 9))
        book.finish(delivery, attempt: 1, isOver: false)
        #expect(book.isPast(delivery, attempt: 2))
        book.finish(delivery, attempt: 1, isOver: true)
        #expect(book.isOver(delivery))
    }

    @Test func `only the record that makes an attempt lets go of it`() {
        var book = AttemptBook(limit: 4)
        let delivery = record(1).delivery
        book.open(record(1, at: 0))
        book.close(record(1, at: 5))
        #expect(book.isPast(delivery, attempt: 1))
        book.close(record(1, at: 0))
        #expect(!book.isPast(delivery, attempt: 1))
        book.open(record(1, attempt: 3, at: 6))
        book.close(record(1, attempt: 3, at: 6))
        #expect(book.isPast(delivery, attempt: 2) && !book.isPast(delivery, attempt: 3))
        book.finish(delivery, attempt: 3, isOver: true)
        book.close(record(1, attempt: 3, at: 6))
        #expect(book.isOver(delivery))
        book.forget(delivery)
        #expect(!book.isPast(delivery, attempt: 1))
    }

    @Test func `the oldest of what is done is forgotten, what is under way is not`() {
        var book = AttemptBook(limit: 3)
        book.open(record(9))
        for number in 0..<5 as Range<UInt64> {
            book.open(record(number))
            book.finish(record(number).delivery, attempt: 1, isOver: true)
            book.finish(record(number).delivery, attempt: 1, isOver: true)
        }
        #expect(
            (0..<5 as Range<UInt64>).map { book.isOver(record($0).delivery) } == [false, false, true, true, true])
        #expect(book.isPast(record(9).delivery, attempt: 1))
        #expect(book.count == 4)
        book.finish(record(0).delivery, attempt: 1, isOver: true)
        #expect((0..<5 as Range<UInt64>).map { book.isOver(record($0).delivery) } == [true, false, false, true, true])
    }
}

/// What the lanes do with records that say the same.
@Suite struct LaneTwinTests {
    private let now = Timestamp(milliseconds: 1_000_000)
    private let endpoint = EndpointID(Ulid(high: 7, low: 7))

    private func lanes() -> LanesState {
        LanesState(
            lanes: 1, sourceNames: ["deliveries"] + DelayTier.allCases.map { "\($0)" }, bounds: .init(), firstCopy: 0)
    }

    private func claims(_ generation: UInt32) -> [PartitionClaim] {
        (0...DelayTier.allCases.count).map { PartitionClaim(topic: $0, partition: 0, generation: generation) }
    }

    private func read(
        _ event: UInt64, at offset: Int64, _ generation: UInt32, source: Int = 0, attempt: Int = 1,
        due: Timestamp? = nil
    ) -> LanesState.Read {
        LanesState.Read(
            claim: PartitionClaim(topic: source, partition: 0, generation: generation), offset: offset, logged: now,
            content: .delivery(
                LaneRecordBody(
                    endpoint: endpoint, event: EventID(Ulid(high: 1, low: event)),
                    tenant: TenantID(Ulid(high: 1, low: 1)), type: "a", pos: Int64(event), cause: .live,
                    attempt: attempt, configVersion: 1, recordedAt: now, firstDueAt: now, due: due, envelope: [1])))
    }

    private func outcome(_ record: LaneRecord, _ next: LaneOutcome.Next = .finished) -> LaneOutcome {
        LaneOutcome(record: record, audit: nil, next: next)
    }

    /// Marks what is in the outbox as the worker's.
    private func handOut(_ state: inout LanesState) -> [LaneRecord] {
        let lease = KafkaLease(sessionTimeout: .seconds(600), margin: .zero) { .now }
        lease.renew(sent: .now)
        state.lease = lease
        return state.takeSignals(at: .now)?.records ?? []
    }

    @Test func `a twin of what is under way or done is left out and passed`() {
        var state = lanes()
        _ = state.assign(claims(1), at: now)
        _ = state.takeIn([read(1, at: 0, 1), read(2, at: 1, 1), read(1, at: 2, 1)], at: now)
        let records = handOut(&state)
        #expect(records.map(\.pos) == [1, 2])
        #expect(state.twins == 1)
        #expect(state.lanes[0]?.flows[0].window.mark == 0)
        _ = state.settle(records.map { outcome($0) })
        #expect(state.lanes[0]?.flows[0].window.mark == 3)
        _ = state.takeIn([read(2, at: 3, 1), read(3, at: 4, 1)], at: now)
        #expect(handOut(&state).map(\.pos) == [3])
        #expect(state.lanes[0]?.flows[0].window.mark == 4)
    }

    @Test func `what was done stays done when the lane comes back, what was not is made again`() {
        var state = lanes()
        _ = state.assign(claims(1), at: now)
        _ = state.takeIn([read(1, at: 0, 1), read(2, at: 1, 1)], at: now)
        let records = handOut(&state)
        _ = state.settle([outcome(records[1])])
        _ = state.loseAll(claims(1))
        _ = state.assign(claims(2), at: now)
        _ = state.takeIn([read(1, at: 0, 2), read(2, at: 1, 2)], at: now)
        #expect(handOut(&state).map(\.pos) == [1])
    }

    @Test func `a postponed attempt is made once, by its copy or by a record that came before`() throws {
        var state = lanes()
        _ = state.assign(claims(1), at: now)
        _ = state.takeIn([read(1, at: 0, 1)], at: now)
        let record = try #require(handOut(&state).first)
        let actions = state.settle([outcome(record, .postponed(due: now))])
        // The copy is read before its writing is known of; a former owner had left another.
        _ = state.takeIn([read(1, at: 0, 1, source: 1, due: now), read(1, at: 1, 1, source: 1, due: now)], at: now)
        #expect(state.twins == 1)
        _ = state.recorded(actions.moves, failed: [])
        #expect(state.lanes[0]?.flows[0].window.mark == 1)
        _ = state.tend(at: now, monotonic: .now)
        let again = handOut(&state)
        #expect(again.map(\.handle.source) == [1])
        _ = state.settle(again.map { outcome($0) })
        #expect(state.lanes[0]?.flows[1].window.mark == 2)
    }

    @Test func `the next attempt is another, and none follows a delivery that is over`() throws {
        var state = lanes()
        _ = state.assign(claims(1), at: now)
        _ = state.takeIn([read(1, at: 0, 1), read(2, at: 1, 1)], at: now)
        let records = handOut(&state)
        let retry = state.settle([outcome(records[0], .retry(attempt: 2, due: now))])
        _ = state.recorded(retry.moves, failed: [])
        // A former owner had made the first attempt of the second delivery and left what follows it.
        _ = state.takeIn(
            [
                read(1, at: 0, 1, source: 1, attempt: 2, due: now), read(1, at: 1, 1, source: 1, due: now),
                read(2, at: 2, 1, source: 1, attempt: 2, due: now),
            ], at: now)
        _ = state.settle([outcome(records[1])])
        _ = state.tend(at: now, monotonic: .now)
        let again = handOut(&state)
        #expect(again.map(\.pos) == [1] && again.map(\.attempt) == [2])
        #expect(state.twins == 2)
    }

    @Test func `what a cursor begins anew goes on`() {
        var state = lanes()
        let assigned = state.assign(claims(1), at: now)
        _ = state.takeIn([read(1, at: 0, 1)], at: now)
        let records = handOut(&state)
        _ = state.settle(records.map { outcome($0) })
        var again = records[0]
        again.handle = LaneHandle(lane: 0, epoch: assigned[0].epoch, source: LaneHandle.cursor, offset: 1)
        let actions = state.settle([outcome(again, .retry(attempt: 2, due: now))])
        _ = state.takeIn([read(1, at: 0, 1, source: 1, attempt: 2, due: now)], at: now)
        _ = state.recorded(actions.moves, failed: [])
        _ = state.tend(at: now, monotonic: .now)
        #expect(handOut(&state).map(\.attempt) == [2])
    }
}
