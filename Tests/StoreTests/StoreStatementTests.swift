import Database
import EventModel
import Store
import TestSupport
import Testing

@Suite(.serialized, .database(migrations: Schema.migrations)) struct StoreStatementTests {
    let fixture = StoreFixture()

    private func owned(_ position: PartPosition, next: Int64?) -> StoreStatement.Owned {
        .init(OwnedPart(part: position.part, epoch: position.epoch), next: next)
    }

    private func stored(_ answer: StoreStatement.Answer) throws -> StoreStatement.Stored {
        guard case .stored(let stored) = answer else { throw Refused() }
        return stored
    }

    private struct Refused: Error {}

    @Test func `a batch of several partitions is stored once however often the call is made`() async throws {
        let parts = try await fixture.take("events", [0, 1])
        let call = { [fixture] in
            try await fixture.store(
                [owned(parts[0], next: 12), owned(parts[1], next: 101)], fanned: nil,
                [
                    (fixture.event(1), part: 0, offset: 10), (fixture.event(2), part: 1, offset: 100),
                    (fixture.event(3), part: 0, offset: 11),
                ])
        }
        let first = try stored(try await call())
        #expect(first.positions(count: 3).compactMap { $0 }.count == 3)
        #expect(first.skipped.isEmpty)
        let again = try stored(try await call())
        #expect(again.skipped == [0, 1, 2])
        #expect(again.positions(count: 3) == [nil, nil, nil])
        #expect(try await fixture.number("select count(*) from fanfare.events where part in (0, 1)") == 3)
        let retaken = try await fixture.take("events", [0, 1])
        #expect(retaken.map(\.stored) == [12, 101])
        #expect(retaken.map(\.epoch) == parts.map { $0.epoch + 1 })
    }

    @Test func `events keep their traces on the feed, and all else is as without them`() async throws {
        let parts = try await fixture.take("events", [9, 10])
        let trace = EventTrace(traceHigh: 1, traceLow: 2, span: 3, flags: 1)
        var traced = fixture.event(90)
        traced.trace = trace
        var later = fixture.event(92)
        later.trace = trace
        func store(_ records: [(NewEvent, part: Int, offset: Int64)], next: Int64) async throws -> StoreStatement.Answer
        {
            try await fixture.store(
                [owned(parts[0], next: next), owned(parts[1], next: nil)], fanned: nil, records)
        }
        let first = try stored(
            try await store([(traced, part: 9, offset: 10), (fixture.event(91), part: 9, offset: 11)], next: 12))
        #expect(first.skipped.isEmpty && first.gaps.isEmpty)
        let positions = first.positions(count: 2).compactMap(\.self)
        #expect(positions.count == 2)
        #expect(
            try await fixture.number("select count(*) from fanfare.events where trace is not null and part = 9") == 1)
        #expect(
            try await fixture.number(
                "select octet_length(trace) from fanfare.events where pos = \(positions[0])")
                == Int64(EventTrace.byteCount))
        // Made again with one more: that is stored, and nothing twice.
        let again = try stored(
            try await store(
                [
                    (traced, part: 9, offset: 10), (fixture.event(91), part: 9, offset: 11),
                    (later, part: 9, offset: 12),
                ], next: 13))
        #expect(again.skipped == [0, 1])
        let count = "select count(*) from fanfare.events where part = 9 and pos >= \(positions[0])"
        #expect(try await fixture.number(count) == 3)
        // The log lost records before this one.
        var far = fixture.event(93)
        far.trace = trace
        #expect(try stored(try await store([(far, part: 9, offset: 20)], next: 21)).gaps == [9])
        // Another owner.
        let taken = try await fixture.take("events", [9])
        #expect(taken.map(\.stored) == [21])
        var late = fixture.event(94)
        late.trace = trace
        #expect(try await store([(late, part: 9, offset: 21)], next: 22) == .refused([9]))
    }

    @Test func `an older epoch writes nothing and is told which partitions are lost`() async throws {
        let old = try await fixture.take("events", [2, 3])
        let new = try await fixture.take("events", [3])
        let before = try await fixture.number("select next_pos from fanfare.feed_head")
        let answer = try await fixture.store(
            [owned(old[0], next: 1), owned(old[1], next: 1)],
            [(fixture.event(20), part: 2, offset: 0), (fixture.event(21), part: 3, offset: 0)])
        #expect(answer == .refused([3]))
        #expect(try await fixture.number("select next_pos from fanfare.feed_head") == before)
        let retried = try stored(
            try await fixture.store([owned(old[0], next: 1)], [(fixture.event(20), part: 2, offset: 0)]))
        #expect(retried.positions(count: 1) == [before])
        #expect(new[0].epoch == old[1].epoch + 1)
    }

    @Test func `a partition that was never taken is refused`() async throws {
        let answer = try await fixture.store(
            [.init(OwnedPart(part: 11, epoch: 1), next: 1)], [(fixture.event(25), part: 11, offset: 0)])
        #expect(answer == .refused([11]))
    }

    @Test func `records that the log lost are told as a gap`() async throws {
        let parts = try await fixture.take("events", [4])
        let first = try stored(
            try await fixture.store([owned(parts[0], next: 1)], [(fixture.event(30), part: 4, offset: 0)]))
        #expect(first.gaps.isEmpty)
        let second = try stored(
            try await fixture.store([owned(parts[0], next: 6)], [(fixture.event(31), part: 4, offset: 5)]))
        #expect(second.gaps == [4])
    }

    @Test func `skipped records and duplicates in one batch leave the others' positions right`() async throws {
        let parts = try await fixture.take("events", [5])
        let key = [UInt8](repeating: 1, count: 16)
        _ = try await fixture.store(
            [owned(parts[0], next: 2)],
            [(fixture.event(40, key: key), part: 5, offset: 0), (fixture.event(41), part: 5, offset: 1)])
        let answer = try stored(
            try await fixture.store(
                [owned(parts[0], next: 5)],
                [
                    (fixture.event(41), part: 5, offset: 1), (fixture.event(42), part: 5, offset: 2),
                    (fixture.event(43, key: key), part: 5, offset: 3), (fixture.event(44), part: 5, offset: 4),
                ]))
        #expect(answer.skipped == [0])
        #expect(answer.events.duplicates == [.init(index: 2, winner: fixture.event(40).id)])
        let positions = answer.positions(count: 4)
        #expect(positions == [nil, answer.events.first, nil, answer.events.first + 1])
        #expect(
            try await fixture.number(
                "select pos from fanfare.events where event_id = '\(fixture.event(44).id)'") == positions[3])
    }

    @Test func `fanned moves with the store call and by itself, never backwards`() async throws {
        let parts = try await fixture.take("events", [6, 7])
        let both = parts.map { OwnedPart(part: $0.part, epoch: $0.epoch) }
        _ = try await fixture.store(parts.map { owned($0, next: nil) }, fanned: 50)
        let record = { [fixture] (fanned: Int64, owned: [OwnedPart]) in
            RecordFannedStatement.refused(
                try await fixture.pool.execute(
                    RecordFannedStatement.statement,
                    RecordFannedStatement.parameters(topic: "events", owned: owned, fanned: fanned)))
        }
        #expect(try await record(60, both) == [])
        #expect(try await record(55, both) == [])
        let taken = try await fixture.take("events", [6])
        #expect(taken.map(\.fanned) == [60])
        #expect(try await record(70, both) == [6])
        #expect(try await fixture.take("events", [7]).map(\.fanned) == [60])
    }

    @Test func `a parked record is kept once`() async throws {
        for _ in 0..<2 {
            try await fixture.pool.execute(
                ParkStatement.statement,
                ParkStatement.parameters(topic: "events", part: 1, offset: 99, reason: "22021", record: [0, 1, 2]))
        }
        #expect(try await fixture.number("select count(*) from fanfare.parked_records") == 1)
    }
}
