import Database
import EventModel
import Store
import TestSupport
import Testing

@Suite(.serialized, .database(migrations: Schema.migrations)) struct LaneStatementTests {
    let fixture = StoreFixture()
    let lane = endpoint.lane(of: 48)

    private func fanOut(
        _ owned: [PartPosition], fanned: Int64, _ deliveries: [(part: Int, pos: Int64)]
    ) async throws -> [Int] {
        var columns = FanOutStatement.Deliveries()
        for delivery in deliveries {
            columns.append(part: delivery.part, pos: delivery.pos, lane: lane, endpoint: endpoint, cause: .live)
        }
        return FanOutStatement.refused(
            try await fixture.pool.execute(
                FanOutStatement.statement,
                FanOutStatement.parameters(
                    topic: "events", owned: owned.map { OwnedPart(part: $0.part, epoch: $0.epoch) }, fanned: fanned,
                    configVersion: 3, deliveries: columns)))
    }

    private func lanes(after: Int64 = 0, limit: Int = 100, bytes: Int = 1 << 20) async throws
        -> LaneRowsStatement.Answer
    {
        var cache = TextCache()
        return LaneRowsStatement.answer(
            try await fixture.pool.execute(
                LaneRowsStatement.statement,
                LaneRowsStatement.parameters(after: after, parts: [lane], limit: limit, bytes: bytes)),
            limit: limit, bytes: bytes, cache: &cache)
    }

    private func settle(_ owned: OwnedPart, number: Int64, _ build: (inout SettleStatement.Batch) -> Void) async throws
        -> [Int]
    {
        var batch = SettleStatement.Batch()
        build(&batch)
        return SettleStatement.refused(
            try await fixture.pool.execute(
                SettleStatement.statement,
                SettleStatement.parameters(topic: "deliveries", number: number, batch: batch)))
    }

    private func audit(_ number: UInt64) -> AttemptRecord {
        let event = fixture.event(number)
        return AttemptRecord(
            tenant: event.tenant, endpoint: endpoint, event: event.id,
            delivery: DeliveryID(event: event.id, endpoint: endpoint, cause: .live), type: event.type, cause: .live,
            attempt: 1, startedAt: SystemClock().now(), verdict: .delivered)
    }

    @Test func `a fan-out that is made again writes no delivery twice`() async throws {
        let events = (0..<6).map { fixture.event(UInt64(100 + $0), tenant: "fan") }
        let first = try await fixture.append(events).first
        let part = events[0].tenant.partition(of: 12)
        let owned = try await fixture.take("events", [part])
        let before = try await lanes().nextSeq
        let deliveries = (0..<4).map { (part: part, pos: first + Int64($0)) }
        #expect(try await fanOut(owned, fanned: first + 3, deliveries) == [])
        #expect(try await fanOut(owned, fanned: first + 3, deliveries) == [])
        // A larger stretch that begins with what is done, as after a takeover.
        let more = (0..<6).map { (part: part, pos: first + Int64($0)) }
        #expect(try await fanOut(owned, fanned: first + 5, more) == [])
        let rows = try await lanes(after: before - 1)
        #expect(rows.rows.map(\.pos) == (0..<6).map { first + Int64($0) })
        #expect(rows.rows.map(\.seq) == (0..<6).map { before + Int64($0) })
        #expect(rows.nextSeq == before + 6)
        #expect(rows.rows.map(\.event) == events.map(\.id))
        #expect(rows.rows.allSatisfy { $0.configVersion == 3 && $0.cause == .live && $0.endpoint == endpoint })
        #expect(try await fixture.take("events", [part]).map(\.fanned) == [first + 5])
    }

    @Test func `a fan-out under an old epoch writes nothing`() async throws {
        let old = try await fixture.take("events", [3, 4])
        _ = try await fixture.take("events", [4])
        let before = try await lanes().nextSeq
        #expect(try await fanOut(old, fanned: 10_000, [(part: 3, pos: 1), (part: 4, pos: 1)]) == [4])
        #expect(try await lanes().nextSeq == before)
        #expect(try await fixture.take("events", [3]).map(\.fanned) != [10_000])
    }

    @Test func `lanes are read up to a bound of rows and of bytes`() async throws {
        let events = (0..<5).map {
            fixture.event(UInt64(200 + $0), tenant: "bound", envelope: Array(repeating: 1, count: 1_000))
        }
        let first = try await fixture.append(events).first
        let part = events[0].tenant.partition(of: 12)
        let owned = try await fixture.take("events", [part])
        let before = try await lanes(limit: 1_000).nextSeq - 1
        _ = try await fanOut(owned, fanned: first + 4, (0..<5).map { (part: part, pos: first + Int64($0)) })
        let byRows = try await lanes(after: before, limit: 2)
        #expect(byRows.rows.count == 2)
        #expect(byRows.readTo == byRows.rows[1].seq)
        // The one that passes the bound still comes.
        let byBytes = try await lanes(after: before, bytes: 1_500)
        #expect(byBytes.rows.count == 2)
        #expect(byBytes.readTo == byBytes.rows[1].seq)
        let rest = try await lanes(after: byBytes.readTo)
        #expect(rest.rows.count == 3)
        #expect(rest.readTo == rest.nextSeq - 1)
        let none = try await lanes(after: rest.readTo)
        #expect(none.rows.isEmpty)
        #expect(none.readTo == rest.readTo)
    }

    @Test func `a settle call that is made again writes nothing twice`() async throws {
        let part = try await fixture.take("deliveries", [lane])[0]
        let owned = OwnedPart(part: lane, epoch: part.epoch)
        let before = try await fixture.number("select count(*) from fanfare.webhook_audit")
        for _ in 0..<3 {
            let refused = try await settle(owned, number: 7) { batch in
                batch.append(part: owned, settled: 40)
                batch.audit.append(audit(300))
                batch.audit.append(audit(301))
            }
            #expect(refused == [])
        }
        #expect(try await fixture.number("select count(*) from fanfare.webhook_audit") == before + 2)
        // The next number is another call; a position never goes back.
        _ = try await settle(owned, number: 8) { batch in
            batch.append(part: owned, settled: 30)
            batch.audit.append(audit(302))
        }
        #expect(try await fixture.number("select count(*) from fanfare.webhook_audit") == before + 3)
        let taken = try await fixture.take("deliveries", [lane])[0]
        #expect(taken.settled == 40)
        // Taking starts the numbers anew, and ends the old epoch.
        #expect(try await settle(owned, number: 9) { $0.append(part: owned, settled: 99) } == [lane])
        let heir = OwnedPart(part: lane, epoch: taken.epoch)
        #expect(try await settle(heir, number: 1) { $0.append(part: heir, settled: 41) } == [])
        #expect(try await fixture.take("deliveries", [lane])[0].settled == 41)
    }

    @Test func `waiting attempts are written, replaced, read when due and removed`() async throws {
        let event = fixture.event(400, tenant: "due")
        let pos = try await fixture.append([event]).first
        let delivery = DeliveryID(event: event.id, endpoint: endpoint, cause: .test)
        let part = try await fixture.take("deliveries", [lane])[0]
        let owned = OwnedPart(part: lane, epoch: part.epoch)
        let now = Timestamp(seconds: 1_790_000_000)
        func wait(_ number: Int64, attempt: Int, due: Timestamp) async throws {
            _ = try await settle(owned, number: number) { batch in
                batch.append(part: owned, settled: 0)
                batch.due.append(
                    part: lane, delivery: delivery, due: due, first: now, pos: pos, configVersion: 5, attempt: attempt,
                    endpoint: endpoint, cause: .test)
            }
        }
        func read(upTo: Timestamp) async throws -> DueStatement.Answer {
            var cache = TextCache()
            return DueStatement.answer(
                try await fixture.pool.execute(
                    DueStatement.statement,
                    DueStatement.parameters(
                        from: Timestamp(seconds: 0), upTo: upTo, parts: [lane], limit: 10, bytes: 1 << 20)),
                upTo: upTo, limit: 10, bytes: 1 << 20, cache: &cache)
        }
        try await wait(1, attempt: 2, due: now.adding(seconds: 10))
        var answer = try await read(upTo: now)
        #expect(answer.rows.isEmpty)
        #expect(answer.next == now.adding(seconds: 10))
        #expect(answer.readTo == now)
        try await wait(2, attempt: 3, due: now.adding(seconds: 20))
        answer = try await read(upTo: now.adding(seconds: 20))
        #expect(answer.next == nil)
        let row = try #require(answer.rows.first)
        #expect(answer.rows.count == 1)
        #expect(row.attempt == 3 && row.delivery == delivery && row.cause == .test && row.pos == pos)
        #expect(row.due == now.adding(seconds: 20) && row.first == now && row.envelope == event.envelope)
        #expect(
            DueStatement.waiting(
                try await fixture.pool.execute(
                    DueStatement.waiting, DueStatement.parameters(lanes: [lane, 0], deliveries: [delivery, delivery])))
                == [delivery])
        _ = try await settle(owned, number: 3) { batch in
            batch.append(part: owned, settled: 0)
            batch.finish(part: lane, delivery: delivery)
        }
        #expect(try await read(upTo: now.adding(seconds: 30)).rows.isEmpty)
    }

    @Test func `a dead letter takes the envelope from the feed, once`() async throws {
        let event = fixture.event(500, tenant: "dead", envelope: [9, 8, 7])
        let pos = try await fixture.append([event]).first
        let part = try await fixture.take("deliveries", [lane])[0]
        let owned = OwnedPart(part: lane, epoch: part.epoch)
        for number in Int64(1)...2 {
            _ = try await settle(owned, number: number) { batch in
                batch.append(part: owned, settled: 0)
                batch.letters.append(
                    DeadLetter(
                        id: DeadLetterID(Ulid(high: 5, low: UInt64(number))), attempts: 3, errorClass: nil, status: nil,
                        reason: "expired"), tenant: event.tenant, endpoint: endpoint, event: event.id,
                    delivery: DeliveryID(event: event.id, endpoint: endpoint, cause: .live), type: event.type, pos: pos)
            }
        }
        #expect(
            try await fixture.number(
                "select count(*) from fanfare.dead_letters where payload = '\\x090807' and reason = 'expired'") == 1)
    }
}
