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

/// Deliveries as their attempts tell of them (contracts §7), and the audit.
@Suite(.timeLimit(.minutes(5))) struct DeliveryTests {
    private struct Scene {
        let webhook: EndpointID
        let event: EventID
        let delivery: DeliveryID
    }

    private func deliver(
        _ fixture: FeedFixture, to webhook: EndpointID, _ verdicts: [String], type: String = "run.completed"
    ) async throws -> Scene {
        let event = try await fixture.append(to: fixture.acme, type: type)[0]
        let delivery = DeliveryID(event: event, endpoint: webhook, cause: .live)
        for (index, verdict) in verdicts.enumerated() {
            try await fixture.insertAttempt(
                fixture.acme.tenant, webhook, event, delivery, type: type, attempt: index + 1,
                status: verdict == "delivered" ? 200 : 500, error: verdict == "delivered" ? nil : "http_5xx",
                verdict: verdict, next: verdict == "retrying" ? SystemClock().now().adding(seconds: 30) : nil)
        }
        return Scene(webhook: webhook, event: event, delivery: delivery)
    }

    private func ids(_ fixture: FeedFixture, _ query: String) async throws -> [String] {
        let answer = try await fixture.call("GET", "/v1/tenant/deliveries?\(query)", as: fixture.acme.admin)
        #expect(answer.status == 200)
        return answer.json.ids
    }

    @Test func `a delivery's state is its last attempt's, and filters see that one only`() async throws {
        try await withFeed { fixture in
            let one = try await fixture.webhook(fixture.acme)
            let two = try await fixture.webhook(fixture.acme)
            let done = try await deliver(fixture, to: one, ["retrying", "delivered"])
            let waiting = try await deliver(fixture, to: one, ["retrying"], type: "slack.install")
            let dead = try await deliver(fixture, to: two, ["retrying", "retrying", "dead"])
            let all = [dead, waiting, done].map(\.delivery.description)
            #expect(try await ids(fixture, "") == all)
            #expect(try await ids(fixture, "state=delivered") == [done.delivery.description])
            #expect(try await ids(fixture, "state=retrying") == [waiting.delivery.description])
            #expect(try await ids(fixture, "state=dead&webhook_id=\(two)") == [dead.delivery.description])
            #expect(try await ids(fixture, "webhook_id=\(one)") == Array(all[1...]))
            #expect(try await ids(fixture, "event_id=\(dead.event)") == [dead.delivery.description])
            #expect(try await ids(fixture, "type=slack.install") == [waiting.delivery.description])
            #expect(try await ids(fixture, "since=2999-01-01T00:00:00Z") == [])
            #expect(try await ids(fixture, "since=2001-01-01T00:00:00Z") == all)
            let found = try await fixture.call(
                "GET", "/v1/tenant/deliveries/\(waiting.delivery)", as: fixture.acme.admin)
            #expect(found.json["state"]?.text == "retrying")
            #expect(found.json["attempts"]?.int == 1)
            #expect(found.json["last_status"]?.int == 500)
            #expect(found.json["next_attempt_at"]?.text != nil)
            let attempts = try await fixture.call(
                "GET", "/v1/tenant/deliveries/\(dead.delivery)/attempts", as: fixture.acme.admin)
            #expect(attempts.json["data"]?.elements.map { $0["attempt"]?.int } == [1, 2, 3])
            #expect(attempts.json["data"]?.elements.last?["headers_sha256"]?.text == "abcd")
            for bad in ["state=queued", "webhook_id=x", "event_id=wh_1", "cursor=x", "limit=0", "since=x"] {
                let answer = try await fixture.call("GET", "/v1/tenant/deliveries?\(bad)", as: fixture.acme.admin)
                #expect(answer.status == 400, "\(bad)")
            }
        }
    }

    @Test func `pages follow one another over all webhooks, deleted ones too`() async throws {
        try await withFeed { fixture in
            var made: [String] = []
            for number in 0..<4 {
                let webhook = try await fixture.webhook(fixture.acme)
                for _ in 0..<3 {
                    made.append(
                        try await deliver(fixture, to: webhook, ["retrying", "delivered"]).delivery.description)
                }
                if number == 0 {
                    _ = try await fixture.call("DELETE", "/v1/tenant/webhooks/\(webhook)", as: fixture.acme.admin)
                }
            }
            var seen: [String] = []
            var cursor = ""
            for _ in 0..<10 {
                let page = try await fixture.call(
                    "GET", "/v1/tenant/deliveries?limit=5&cursor=\(cursor)", as: fixture.acme.admin)
                seen += page.json.ids
                guard let next = page.json["next_cursor"]?.text else { break }
                cursor = next
            }
            #expect(seen == made.reversed())
        }
    }

    @Test func `a page that looks through a bounded number of rows still finds all`() async throws {
        try await withFeed { fixture in
            let noisy = try await fixture.webhook(fixture.acme)
            let quiet = try await fixture.webhook(fixture.acme)
            let rare = try await deliver(fixture, to: quiet, ["dead"])
            for _ in 0..<60 { _ = try await deliver(fixture, to: noisy, ["delivered"]) }
            let first = try await deliver(fixture, to: noisy, ["dead"])
            var filter = AuditFilter(tenant: fixture.acme.tenant)
            filter.verdict = "dead"
            let queries = AuditQueries(fixture.pool, scan: 20)
            var found: [String] = []
            var before: Int64?
            var pages = 0
            while true {
                let page = try await queries.page(filter, before: before, limit: 2, latestOnly: true)
                found += page.rows.compactMap { $0.delivery?.description }
                before = page.edge
                pages += 1
                if !page.hasMore { break }
            }
            #expect(found == [first.delivery.description, rare.delivery.description])
            #expect(pages > 2)
        }
    }

    @Test func `the audit has every attempt`() async throws {
        try await withFeed { fixture in
            let webhook = try await fixture.webhook(fixture.acme)
            let scene = try await deliver(fixture, to: webhook, ["retrying", "delivered"])
            let all = try await fixture.call("GET", "/v1/tenant/audit", as: fixture.acme.admin)
            #expect(all.json["data"]?.elements.map { $0["verdict"]?.text } == ["delivered", "retrying"])
            let row = try #require(all.json["data"]?.elements.first)
            #expect(row["webhook_id"]?.text == webhook.description)
            #expect(row["total_ms"]?.double == 12.5)
            #expect(row["response_head"]?.text == "ok")
            for query in [
                "verdict=retrying", "delivery_id=\(scene.delivery)&limit=1",
                "event_id=\(scene.event)&verdict=delivered",
            ] {
                let page = try await fixture.call("GET", "/v1/tenant/audit?\(query)", as: fixture.acme.admin)
                #expect(page.json["data"]?.elements.count == 1, "\(query)")
            }
            let inbound = try await fixture.call("GET", "/v1/tenant/audit?direction=inbound", as: fixture.acme.admin)
            #expect(inbound.json["data"]?.elements == [])
        }
    }

    @Test func `redeliver and resend put the same event on its lane under a cause of their own`() async throws {
        try await withFeed { fixture in
            let webhook = try await fixture.webhook(fixture.acme)
            let scene = try await deliver(fixture, to: webhook, ["dead"])
            let again = try await fixture.call(
                "POST", "/v1/tenant/deliveries/\(scene.delivery)/redeliver", as: fixture.acme.admin)
            #expect(again.status == 202)
            let never = try await fixture.append(to: fixture.acme)[0]
            let resent = try await fixture.call(
                "POST", "/v1/events/\(never)/resend", as: fixture.acme.admin, #"{"webhook_id":"\#(webhook)"}"#)
            #expect(resent.status == 202)
            let asked = fixture.lanes.all
            #expect(asked.map(\.row.id) == [scene.event, never])
            #expect(asked.allSatisfy { $0.endpoint == webhook && $0.configVersion > 0 })
            for (request, answer) in zip(asked, [again, resent]) {
                guard case .request(let job) = request.cause else {
                    Issue.record("a cause of its own")
                    continue
                }
                #expect(JobID(job) != nil)
                let delivery = DeliveryID(event: request.row.id, endpoint: webhook, cause: request.cause)
                #expect(answer.json["delivery_id"]?.text == delivery.description)
                let stored = try await fixture.call("GET", "/v1/events/\(request.row.id)", as: fixture.acme.reader)
                #expect(request.envelope == stored.raw.body)
            }
            // Nothing is put on a lane that would only cancel it.
            _ = try await fixture.call(
                "PATCH", "/v1/tenant/webhooks/\(webhook)", as: fixture.acme.admin, #"{"active":false}"#)
            let paused = try await fixture.call(
                "POST", "/v1/tenant/deliveries/\(scene.delivery)/redeliver", as: fixture.acme.admin)
            #expect(paused.status == 409)
            for body in ["{}", #"{"webhook_id":"x"}"#] {
                let bad = try await fixture.call(
                    "POST", "/v1/events/\(never)/resend", as: fixture.acme.admin, body)
                #expect(bad.status == 400)
            }
            #expect(fixture.lanes.all.count == 2)
        }
    }
}
