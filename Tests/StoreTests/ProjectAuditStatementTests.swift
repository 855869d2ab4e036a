import Database
import EventModel
import Store
import TestSupport
import Testing

@Suite(.serialized, .database(migrations: Schema.migrations)) struct ProjectAuditStatementTests {
    let fixture = StoreFixture()

    private func record(_ number: UInt64, verdict: AttemptRecord.Verdict = .delivered) -> AttemptRecord {
        let event = fixture.event(number)
        var record = AttemptRecord(
            tenant: event.tenant, endpoint: endpoint, event: event.id,
            delivery: DeliveryID(event: event.id, endpoint: endpoint, cause: .live), type: event.type, cause: .live,
            attempt: 2, startedAt: Timestamp(milliseconds: 1_780_000_000_123), verdict: verdict)
        record.dns = 1_500
        record.total = 250_000
        record.status = 200
        record.headersSHA256 = [1, 2, 3]
        record.responseHead = [0, 255]
        return record
    }

    private func project(_ owned: [StoreStatement.Owned], _ batch: ProjectAuditStatement.Batch) async throws -> [Int] {
        ProjectAuditStatement.refused(
            try await fixture.pool.execute(
                ProjectAuditStatement.statement,
                ProjectAuditStatement.parameters(topic: "audit", owned: owned, batch: batch)))
    }

    @Test func `records become rows once by partition and offset`() async throws {
        let part = try await fixture.take("audit", [0])[0]
        let owned = OwnedPart(part: 0, epoch: part.epoch)
        var batch = ProjectAuditStatement.Batch()
        batch.append(record(1), part: 0, offset: 0)
        batch.append(
            record(2, verdict: .dead),
            letter: DeadLetter(
                id: DeadLetterID(Ulid(high: 1, low: 1)), attempts: 5, errorClass: "http_5xx", status: 503,
                reason: "exhausted"), pos: 17, payload: [1, 2, 3], part: 0, offset: 1)
        #expect(try await project([.init(owned, next: 2)], batch) == [])
        // The same again with one more behind it, as after a takeover.
        batch.append(record(3), part: 0, offset: 2)
        #expect(try await project([.init(owned, next: 3)], batch) == [])
        #expect(try await fixture.number("select count(*) from fanfare.webhook_audit") == 3)
        #expect(
            try await fixture.number(
                """
                select count(*) from fanfare.webhook_audit where direction = 'outbound' and dns_ms = 1.5::real
                and total_ms = 250 and connect_ms is null and status = 200 and attempt = 2
                and response_head = '\\x00ff' and started_at = '2026-05-28T20:26:40.123Z'
                """) == 3)
        #expect(
            try await fixture.number(
                "select count(*) from fanfare.dead_letters where pos = 17 and payload = '\\x010203' and attempts = 5")
                == 1)
    }

    @Test func `an older epoch projects nothing`() async throws {
        let old = try await fixture.take("audit", [1])[0]
        _ = try await fixture.take("audit", [1])
        var batch = ProjectAuditStatement.Batch()
        batch.append(record(10), part: 1, offset: 0)
        #expect(try await project([.init(OwnedPart(part: 1, epoch: old.epoch), next: 1)], batch) == [1])
        #expect(
            try await fixture.number(
                "select count(*) from fanfare.webhook_audit where event_id = '\(fixture.event(10).id)'") == 0)
    }
}
