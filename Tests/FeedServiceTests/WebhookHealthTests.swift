internal import Database
internal import EventCodec
internal import EventModel
internal import Store
internal import TestSupport
internal import Testing

@testable internal import FeedService

/// How a webhook's endpoint is, and what is told of it.
@Suite(.timeLimit(.minutes(5))) struct WebhookHealthTests {
    private let path = "/v1/tenant/webhooks"

    @Test func `health says what attempts and their owner say`() async throws {
        let clock = ManualClock(start: SystemClock().now())
        try await withFeed(clock: clock) { fixture in
            let id = try await fixture.webhook(fixture.acme)
            let fresh = try await fixture.call("GET", "\(path)/\(id)/health", as: fixture.acme.admin)
            #expect(fresh.status == 200)
            #expect(fresh.json["attempts"]?["count"]?.int == 0)
            #expect(fresh.json["attempts"]?["success_rate"] == .null)
            #expect(fresh.json["breaker"]?["state"]?.text == "closed")
            #expect(fresh.json["observed_at"] == .null)
            let now = clock.now()
            func attempt(
                _ number: UInt64, after seconds: Int64, status: Int32?, error: String? = nil, verdict: String
            ) async throws {
                let event = EventID(Ulid(high: number, low: number))
                try await fixture.insertAttempt(
                    fixture.acme.tenant, id, event, DeliveryID(event: event, endpoint: id, cause: .live),
                    at: now.adding(seconds: seconds), status: status, error: error, verdict: verdict)
            }
            try await attempt(1, after: -90_000, status: 500, error: "http_5xx", verdict: "dead")
            for number: UInt64 in 2..<5 { try await attempt(number, after: -60, status: 200, verdict: "delivered") }
            try await attempt(5, after: -50, status: 503, error: "http_5xx", verdict: "retrying")
            try await attempt(6, after: -40, status: nil, error: "timeout", verdict: "retrying")
            try await attempt(6, after: -30, status: 200, verdict: "delivered")
            try await attempt(7, after: -20, status: nil, verdict: "cancelled")
            var note = EndpointNote(endpoint: id, epoch: 1)
            (note.inFlight, note.waiting, note.failures) = (2, 3, 4)
            (note.breakerOpenSince, note.oldest) = (now, now.adding(seconds: -100))
            _ = try await EndpointStateStore(fixture.pool).record([note], now: now, policy: EndpointPolicy())
            let json = try await fixture.call("GET", "\(path)/\(id)/health", as: fixture.acme.admin).json
            #expect(json["attempts"]?["count"]?.int == 6)
            #expect(json["attempts"]?["successes"]?.int == 4)
            #expect(json["attempts"]?["success_rate"]?.double == 0.667)
            #expect(json["attempts"]?["p50_ms"]?.double == 12.5)
            #expect(json["retrying"]?.int == 1)
            #expect(json["in_flight"]?.int == 2 && json["waiting"]?.int == 3)
            #expect(json["failing"]?["failures"]?.int == 4)
            #expect(json["breaker"]?["state"]?.text == "open")
            #expect(json["oldest_undelivered_at"]?.text == RFC3339.format(now.adding(seconds: -100)))
            let errors = json["errors"]?.elements ?? []
            #expect(errors.map { $0["class"]?.text } == ["timeout", "http_5xx"])
            #expect(errors.map { $0["count"]?.int } == [1, 1])
            #expect(errors.last?["last_status"]?.int == 503)
            #expect(json["catching_up"]?.bool == false)
            // A cursor that lies behind: what it has not delivered counts too.
            try await fixture.append(2, to: fixture.acme)
            try await fixture.pool.script(
                """
                insert into fanfare.cursors (id, kind, tenant_id, endpoint_id, part, cause, from_pos, pos)
                values ('cur_1', 'span', '\(fixture.acme.tenant)', '\(id)', 0, 'live', 2, 1)
                """)
            let behind = try await fixture.call("GET", "\(path)/\(id)/health", as: fixture.acme.admin).json
            #expect(behind["catching_up"]?.bool == true)
            #expect(behind["oldest_undelivered_at"] == json["oldest_undelivered_at"], "older than the cursor's")
            #expect(try await fixture.call("GET", "\(path)/\(id)/health", as: fixture.other.admin).status == 404)
        }
    }

    @Test func `what is told of an endpoint is on the feed once, and not for the endpoint itself`() async throws {
        try await withFeed { fixture in
            let id = try await fixture.webhook(fixture.acme)
            let store = EndpointStateStore(fixture.pool)
            #expect(try await store.disable(id, reason: "gone", now: SystemClock().now()))
            // Two processes at once: the number is the key.
            async let one: Int = fixture.service.teller.tell()
            async let two: Int = fixture.service.teller.tell()
            _ = try await (one, two)
            let list = try await fixture.call("GET", "/v1/events?type=endpoint", as: fixture.acme.reader).json
            let events = list["data"]?.elements ?? []
            #expect(events.map { $0["type"]?.text } == ["endpoint.disabled"])
            #expect(events.first?["data"]?["webhook_id"]?.text == id.description)
            #expect(events.first?["data"]?["reason"]?.text == "gone")
            let event = try #require(EventID(events.first?["id"]?.text ?? ""))
            let stored = try #require(try await FeedQueries(fixture.pool).event(event, tenant: fixture.acme.tenant))
            #expect(stored.row.exceptEndpoint == id)
            #expect(try await EndpointEventStore(fixture.pool).waiting(limit: 10).isEmpty)
        }
    }
}
