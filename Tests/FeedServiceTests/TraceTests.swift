internal import Backbone
internal import Crypto
internal import Database
internal import Egress
internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Observability
internal import Signing
internal import Store
internal import Synchronization
internal import TestSupport
internal import Testing

@testable internal import FeedService

/// Why a webhook got an event or did not (issue: *Why, and what is missing*).
@Suite(.timeLimit(.minutes(5))) struct TraceTests {
    private func make(_ fixture: FeedFixture, _ fields: String = "") async throws -> EndpointID {
        let answer = try await fixture.call(
            "POST", "/v1/tenant/webhooks", as: fixture.acme.admin, #"{"url":"https://example.com/hook"\#(fields)}"#)
        return try #require(EndpointID(answer.json["id"]?.text ?? ""))
    }

    private func patch(_ fixture: FeedFixture, _ webhook: EndpointID, _ body: String) async throws {
        let answer = try await fixture.call("PATCH", "/v1/tenant/webhooks/\(webhook)", as: fixture.acme.admin, body)
        #expect(answer.status == 200)
    }

    private func trace(_ fixture: FeedFixture, _ event: EventID, _ query: String = "") async throws -> JSONValue {
        let answer = try await fixture.call("GET", "/v1/events/\(event)/trace\(query)", as: fixture.acme.admin)
        #expect(answer.status == 200, "\(answer.raw.text)")
        return answer.json
    }

    private func reasons(_ trace: JSONValue) -> [String: String] {
        Dictionary(
            (trace["data"]?.elements ?? []).map {
                ($0["webhook_id"]?.text ?? "", $0["matched"]?.bool == true ? "matched" : $0["reason"]?.text ?? "?")
            }
        ) { first, _ in first }
    }

    @Test func `every webhook of the tenant is there, judged by what was in force at the event's position`()
        async throws
    {
        try await withFeed { fixture in
            let all = try await make(fixture)
            let wrongType = try await make(fixture, #","events":["slack"]"#)
            let small = try await make(fixture, #","filter":"$.data.n > 1""#)
            let paused = try await make(fixture, #","active":false"#)
            let deleted = try await make(fixture)
            let disabled = try await make(fixture)
            _ = try await fixture.call("DELETE", "/v1/tenant/webhooks/\(deleted)", as: fixture.acme.admin)
            _ = try await WebhookStore(fixture.pool).disable(disabled, reason: "gone")
            _ = try await fixture.webhook(fixture.other)
            let event = try await fixture.append(to: fixture.acme)[0]
            // What changes afterwards changes nothing of the answer.
            let later = try await make(fixture)
            try await patch(fixture, paused, #"{"active":true}"#)
            try await patch(fixture, all, #"{"events":["slack"]}"#)
            _ = try await fixture.call("DELETE", "/v1/tenant/webhooks/\(small)", as: fixture.acme.admin)
            let expected = [
                all: "matched", wrongType: "type", small: "filter", paused: "paused", deleted: "deleted",
                disabled: "disabled", later: "created_later",
            ]
            let found = try await trace(fixture, event)
            #expect(reasons(found) == Dictionary(uniqueKeysWithValues: expected.map { ($0.key.description, $0.value) }))
            #expect(found["event_id"]?.text == event.description)
            #expect(found["fanned_out"]?.bool == false)
            let now = Dictionary(
                (found["data"]?.elements ?? []).map { ($0["webhook_id"]?.text ?? "", $0["status_now"]?.text ?? "") }
            ) { first, _ in first }
            #expect(now[small.description] == "deleted")
            #expect(now[paused.description] == "active")
            // The next event is judged by what holds now.
            let next = try await fixture.append(to: fixture.acme)[0]
            let after = reasons(try await trace(fixture, next))
            #expect(after[all.description] == "type")
            #expect(after[paused.description] == "matched")
            #expect(after[later.description] == "matched")
            #expect(after[small.description] == "deleted")
            try await fixture.pool.script(
                """
                insert into fanfare.progress (topic, part, fanned) select 'events', g, 1000 from generate_series(0, 11) g
                on conflict (topic, part) do update set fanned = 1000
                """)
            #expect(try await trace(fixture, next)["fanned_out"]?.bool == true)
        }
    }

    @Test func `deliveries and their attempts stand with their webhook, whatever they were sent for`() async throws {
        try await withFeed { fixture in
            let one = try await make(fixture)
            let two = try await make(fixture)
            let event = try await fixture.append(to: fixture.acme)[0]
            let live = DeliveryID(event: event, endpoint: one, cause: .live)
            let asked = DeliveryID(event: event, endpoint: one, cause: .request("job_1"))
            for (delivery, attempt, verdict) in [
                (live, 1, "retrying"), (live, 2, "dead"), (asked, 1, "delivered"),
            ] {
                try await fixture.insertAttempt(
                    fixture.acme.tenant, one, event, delivery, attempt: attempt,
                    status: verdict == "delivered" ? 200 : 500, verdict: verdict)
            }
            let found = try await trace(fixture, event)
            let webhooks = found["data"]?.elements ?? []
            #expect(webhooks.map { $0["webhook_id"]?.text } == [one.description, two.description])
            let deliveries = webhooks.first?["deliveries"]?.elements ?? []
            #expect(deliveries.map { $0["id"]?.text } == [live.description, asked.description])
            #expect(deliveries.map { $0["state"]?.text } == ["dead", "delivered"])
            #expect(deliveries.first?["history"]?.elements.map { $0["verdict"]?.text } == ["retrying", "dead"])
            #expect(webhooks.last?["deliveries"]?.elements.isEmpty == true)
            #expect(found["attempts_complete"]?.bool == true)
        }
    }

    @Test func `an event that a cursor delivers says so, and whether it still waits`() async throws {
        try await withFeed { fixture in
            let webhook = try await make(fixture)
            let other = try await make(fixture)
            let mute = try await make(fixture, #","events":["slack"]"#)
            let cursors = CursorStore(fixture.pool)
            let epoch = try #require(try await cursors.take(lanes: [0]).epochs[0])
            let before = try await fixture.append(to: fixture.acme)[0]
            let start = try #require(try await trace(fixture, before)["pos"]?.double).rounded()
            let opened = try await cursors.open([
                SpanOpening(
                    id: CursorID.make(at: SystemClock().now()), tenant: fixture.acme.tenant, endpoint: webhook, lane: 0,
                    epoch: epoch, from: Int64(start) + 1),
                SpanOpening(
                    id: CursorID.make(at: SystemClock().now()), tenant: fixture.acme.tenant, endpoint: mute, lane: 0,
                    epoch: epoch, from: Int64(start) + 1),
            ])
            let cursor = try #require(opened.spans[0]?.cursor)
            let inside = try await fixture.append(to: fixture.acme)[0]

            func row(_ event: EventID, _ webhook: EndpointID) async throws -> JSONValue {
                let rows = try await trace(fixture, event)["data"]?.elements ?? []
                return rows.first { $0["webhook_id"]?.text == webhook.description } ?? .null
            }
            let earlier = try await row(before, webhook)
            #expect(earlier["via"]?.text == "lane" && earlier["cursor"] == .null)
            #expect(try await row(inside, other)["via"]?.text == "lane")
            let unmatched = try await row(inside, mute)
            #expect(unmatched["via"] == .null && unmatched["cursor"] == .null)
            let waiting = try await row(inside, webhook)
            #expect(waiting["via"]?.text == "cursor")
            #expect(waiting["cursor"]?["id"]?.text == cursor.id.description)
            #expect(waiting["cursor"]?["from"]?.double == start + 1)
            #expect(waiting["cursor"]?["until"] == .null)
            #expect(waiting["cursor"]?["pos"]?.double == start)
            #expect(waiting["cursor"]?["waiting"]?.bool == true)

            // Its first attempt has ended, and the cursor has not been recorded yet.
            try await fixture.insertAttempt(
                fixture.acme.tenant, webhook, inside, DeliveryID(event: inside, endpoint: webhook, cause: .live))
            #expect(try await row(inside, webhook)["cursor"]?["waiting"]?.bool == false)

            // The span is closed behind the next event; the one after that is the lane's again.
            let last = try await fixture.append(to: fixture.acme)[0]
            _ = try await cursors.close([(cursor.id, 0, epoch)])
            let after = try await fixture.append(to: fixture.acme)[0]
            #expect(try await row(last, webhook)["cursor"]?["until"]?.double == start + 2)
            #expect(try await row(last, webhook)["cursor"]?["waiting"]?.bool == true)
            #expect(try await row(after, webhook)["via"]?.text == "lane")
            _ = try await cursors.record([
                CursorProgress(id: cursor.id, lane: 0, epoch: epoch, pos: Int64(start) + 2, isDone: true)
            ])
            #expect(try await row(last, webhook)["cursor"]?["waiting"]?.bool == false)
        }
    }

    @Test func `webhooks come in pages, and a test event names its own alone`() async throws {
        try await withFeed { fixture in
            var made: [EndpointID] = []
            for _ in 0..<5 { made.append(try await make(fixture)) }
            try await patch(fixture, made[0], #"{"events":["slack"]}"#)
            let event = try await fixture.append(to: fixture.acme)[0]
            var seen: [String] = []
            var cursor = ""
            for _ in 0..<5 {
                let page = try await trace(fixture, event, "?limit=2&cursor=\(cursor)")
                seen += (page["data"]?.elements ?? []).compactMap { $0["webhook_id"]?.text }
                guard let next = page["next_cursor"]?.text else { break }
                cursor = next
            }
            #expect(seen == made.map(\.description))
            let test = try await fixture.call(
                "POST", "/v1/tenant/webhooks/\(made[0])/test", as: fixture.acme.admin)
            let id = try #require(EventID(test.json["event_id"]?.text ?? ""))
            let found = reasons(try await trace(fixture, id))
            #expect(found[made[0].description] == "matched")
            #expect(found.values.filter { $0 == "addressed_elsewhere" }.count == 4)
        }
    }
}
