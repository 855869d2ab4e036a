import Database
import EventModel
import Store
import TestSupport
import Testing

/// Rows of the audit that are written with the events that requests brought.
@Suite(.serialized, .database(migrations: Schema.migrations)) struct EventAuditTests {
    let fixture = StoreFixture()
    private let trace = EventTrace(traceHigh: 1, traceLow: 2, span: 3, flags: 1)

    private func key(_ number: UInt8) -> [UInt8] { [UInt8](repeating: number, count: 16) }

    private func event(
        _ number: UInt64, at door: String, key: [UInt8]? = nil, dedupeKey: String? = nil
    ) -> NewEvent {
        var event = fixture.event(number, type: "github.push", key: key)
        var record = InboundRecord(
            tenant: event.tenant, channel: "github", integration: door, startedAt: Timestamp(seconds: 1_780_000_000),
            total: 1_500, status: 200, verdict: .accepted)
        record.event = event.id
        record.type = event.type
        record.dedupeKey = dedupeKey
        record.headersSHA256 = [1, 2]
        record.payloadSHA256 = [3, 4]
        record.sourceIP = "192.0.2.1"
        record.age = -2
        event.audit = EventAudit(record)
        return event
    }

    /// The rows of a door, oldest first.
    private func rows(_ door: String) async throws -> [AuditRow] {
        var filter = AuditFilter(tenant: fixture.event(0).tenant)
        filter.integration = door
        let page = try await AuditQueries(fixture.pool).page(filter, before: nil, limit: 100, latestOnly: false)
        return page.rows.reversed()
    }

    private func owned(_ position: PartPosition, next: Int64?) -> StoreStatement.Owned {
        .init(OwnedPart(part: position.part, epoch: position.epoch), next: next)
    }

    // MARK: Appending

    @Test func `an event and what is said of its request come together, every column`() async throws {
        let answer = try await fixture.append([
            fixture.event(1), event(2, at: "append-one", dedupeKey: "a\0b"), fixture.event(3),
        ])
        #expect(answer.duplicates.isEmpty)
        #expect(
            try await fixture.number("select count(*) from fanfare.events where pos >= \(answer.first)") == 3)
        let rows = try await rows("append-one")
        let row = try #require(rows.first)
        #expect(rows.count == 1)
        #expect(row.direction == "inbound" && row.verdict == "accepted" && row.channel == "github")
        #expect(row.event == fixture.event(2).id && row.type == "github.push" && row.attempt == 1)
        #expect(row.startedAt == Timestamp(seconds: 1_780_000_000) && row.total == 1.5 && row.status == 200)
        #expect(row.headersSHA256 == [1, 2] && row.payloadSHA256 == [3, 4] && row.sourceIP == "192.0.2.1")
        #expect(row.dedupeKey == "a\u{FFFD}b" && row.age == -2 && row.reason == nil && row.leftOut == nil)
    }

    @Test func `a duplicate's row names the event that was kept, in its batch or of an earlier one`() async throws {
        _ = try await fixture.append([event(10, at: "twins", key: key(1))])
        let answer = try await fixture.append([
            event(11, at: "twins", key: key(1)), event(12, at: "twins", key: key(2)), fixture.event(13),
            event(14, at: "twins", key: key(2)), event(15, at: "twins", key: key(3)),
        ])
        #expect(answer.duplicates.map(\.index) == [0, 3])
        let rows = try await rows("twins")
        #expect(Set(rows.map(\.verdict)) == ["accepted", "duplicate"])
        func events(_ verdict: String) -> [EventID] {
            rows.filter { $0.verdict == verdict }.compactMap(\.event).sorted { $0.ulid < $1.ulid }
        }
        #expect(events("accepted") == [10, 12, 15].map { fixture.event($0).id })
        #expect(events("duplicate") == [10, 12].map { fixture.event($0).id })
    }

    @Test func `a batch with traces keeps them`() async throws {
        var traced = event(20, at: "traced", key: key(4))
        traced.trace = trace
        var other = fixture.event(21)
        other.trace = trace
        let answer = try await fixture.append([event(22, at: "traced"), traced, other])
        #expect(
            try await fixture.number(
                "select count(*) from fanfare.events where pos >= \(answer.first) and trace is not null") == 2)
        #expect(try await rows("traced").count == 2)
        var again = event(23, at: "traced", key: key(4))
        again.trace = trace
        #expect(try await fixture.append([again]).duplicates.map(\.winner) == [traced.id])
        #expect(try await rows("traced").map(\.verdict).filter { $0 == "duplicate" }.count == 1)
    }

    @Test func `a batch of a thousand is one call, all new and all known`() async throws {
        let events = (0..<1_000).map { number in
            event(
                1_000 + UInt64(number), at: "many", key: [UInt8(number & 255), UInt8(number >> 8)] + key(5).dropLast(2))
        }
        #expect(try await fixture.append(events).duplicates.isEmpty)
        #expect(try await fixture.append(events).duplicates.count == 1_000)
        let count = "select count(*) from fanfare.webhook_audit where integration_id = 'many' and verdict"
        #expect(try await fixture.number("\(count) = 'accepted'") == 1_000)
        #expect(try await fixture.number("\(count) = 'duplicate'") == 1_000)
    }

    @Test func `what is not stored has no row`() async throws {
        var poison = event(30, at: "poison")
        poison.smithID = "a\0b"
        await #expect(throws: DatabaseError.self) { try await fixture.append([event(31, at: "poison"), poison]) }
        #expect(try await rows("poison").isEmpty)
    }

    // MARK: Storing

    @Test func `records are stored with their rows once, however often the call is made`() async throws {
        let parts = try await fixture.take("events", [0, 1])
        func store(_ more: [(NewEvent, part: Int, offset: Int64)], next: Int64) async throws -> StoreStatement.Answer {
            try await fixture.store(
                [owned(parts[0], next: next), owned(parts[1], next: 101)],
                [
                    (event(40, at: "stored", key: key(6)), part: 0, offset: 10),
                    (event(41, at: "stored"), part: 1, offset: 100), (fixture.event(42), part: 0, offset: 11),
                ] + more)
        }
        guard case .stored(let first) = try await store([], next: 12) else { throw Refused() }
        #expect(first.skipped.isEmpty && first.events.duplicates.isEmpty)
        #expect(try await rows("stored").count == 2)
        guard case .stored(let again) = try await store([], next: 12) else { throw Refused() }
        #expect(again.skipped == [0, 1, 2])
        #expect(try await rows("stored").count == 2)
        // Once more, with a twin of the first behind it: that has a row.
        let twin = (event(43, at: "stored", key: key(6)), part: 0, offset: Int64(12))
        guard case .stored(let third) = try await store([twin], next: 13) else { throw Refused() }
        #expect(third.skipped == [0, 1, 2])
        #expect(third.events.duplicates == [.init(index: 3, winner: fixture.event(40).id)])
        let rows = try await rows("stored")
        #expect(rows.map(\.verdict).sorted() == ["accepted", "accepted", "duplicate"])
        #expect(rows.last?.event == fixture.event(40).id)
    }

    @Test func `a request that was known as a duplicate leaves its row alone, once`() async throws {
        let parts = try await fixture.take("events", [2])
        let audit = try #require(event(51, at: "known").audit).duplicate(of: fixture.event(50).id)
        func store(_ events: [NewEvent], next: Int64) async throws -> StoreStatement.Stored {
            var batch = StoreStatement.Batch()
            batch.append(duplicate: audit, part: 2, offset: 0)
            for (place, event) in events.enumerated() { batch.append(event, part: 2, offset: Int64(1 + place)) }
            let answer = StoreStatement.answer(
                try await fixture.pool.execute(
                    StoreStatement.statement(for: batch),
                    StoreStatement.parameters(
                        topic: "events", owned: [owned(parts[0], next: next)], fanned: nil, batch: batch,
                        window: StoreFixture.window)))
            guard case .stored(let stored) = answer else { throw Refused() }
            return stored
        }
        // By itself it moves the position, and nothing comes to the feed.
        let alone = try await store([], next: 1)
        #expect(alone.positions(count: 0) == [])
        #expect(try await fixture.number("select next_pos from fanfare.feed_head") == alone.events.first)
        let both = try await store([event(52, at: "known")], next: 2)
        #expect(both.skipped.isEmpty && both.positions(count: 1) == [alone.events.first])
        let rows = try await rows("known")
        #expect(rows.map(\.verdict) == ["duplicate", "accepted"])
        #expect(rows.map(\.event) == [fixture.event(50).id, fixture.event(52).id])
        #expect(try await fixture.take("events", [2]).map(\.stored) == [2])
    }

    @Test func `traces are kept, and an older epoch writes nothing`() async throws {
        let parts = try await fixture.take("events", [3])
        var traced = event(60, at: "epochs")
        traced.trace = trace
        let first = try await fixture.store([owned(parts[0], next: 1)], [(traced, part: 3, offset: 0)])
        guard case .stored(let stored) = first else { throw Refused() }
        #expect(
            try await fixture.number(
                "select octet_length(trace) from fanfare.events where pos = \(stored.events.first)") == 25)
        _ = try await fixture.take("events", [3])
        let late = try await fixture.store(
            [owned(parts[0], next: 2)], [(event(61, at: "epochs"), part: 3, offset: 1)])
        #expect(late == .refused([3]))
        #expect(try await rows("epochs").map(\.event) == [traced.id])
    }

    private struct Refused: Error {}
}
