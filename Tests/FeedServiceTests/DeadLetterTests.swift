internal import Backbone
internal import Crypto
internal import Database
internal import EventCodec
internal import EventModel
internal import Store
internal import TestSupport
internal import Testing

@testable internal import FeedService

/// Dead letters as a resource, and what the audit says when one ends.
@Suite(.timeLimit(.minutes(5))) struct DeadLetterTests {
    /// A letter as a settling writes it, with its attempts.
    struct Scene {
        let webhook: EndpointID
        let event: EventID
        let delivery: DeliveryID
        let letter: DeadLetterID
    }

    @Test func `filters and pages find what they ask for, newest first, and nothing of another tenant`() async throws {
        try await withFeed { fixture in
            let one = try await fixture.webhook(fixture.acme)
            let two = try await fixture.webhook(fixture.acme)
            var made: [Scene] = []
            for number in 0..<5 {
                made.append(
                    try await fixture.deadLetter(
                        fixture.acme, number == 3 ? two : one, type: number == 1 ? "slack.install" : "run.failed",
                        error: number == 2 ? "timeout" : "http_5xx", age: .seconds(100 * (5 - number)), order: number))
            }
            _ = try await fixture.deadLetter(fixture.other, try await fixture.webhook(fixture.other), order: 9)
            let all = made.reversed().map(\.letter.description)
            func ids(_ query: String) async throws -> [String] {
                let answer = try await fixture.call("GET", "/v1/tenant/dead-letters?\(query)", as: fixture.acme.admin)
                #expect(answer.status == 200, "\(query)")
                return answer.json.ids
            }
            #expect(try await ids("") == all)
            #expect(try await ids("webhook_id=\(two)") == [all[1]])
            #expect(try await ids("type=slack") == [all[3]])
            #expect(try await ids("type=slack.*") == [all[3]])
            #expect(try await ids("type=sla") == [])
            #expect(try await ids("error_class=timeout&webhook_id=\(one)") == [all[2]])
            #expect(try await ids("state=redriven") == [])
            #expect(try await ids("state=all&limit=2") == Array(all[..<2]))
            let middle = RFC3339.format(SystemClock().now().adding(seconds: -250))
            #expect(try await ids("since=\(middle)") == Array(all[..<2]))
            #expect(try await ids("until=\(middle)") == Array(all[2...]))
            var seen: [String] = []
            var cursor = ""
            for _ in 0..<10 {
                let page = try await fixture.call(
                    "GET", "/v1/tenant/dead-letters?limit=2&cursor=\(cursor)", as: fixture.acme.admin)
                seen += page.json.ids
                guard let next = page.json["next_cursor"]?.text else { break }
                cursor = next
            }
            #expect(seen == all)
            for bad in ["webhook_id=x", "type=a..b", "state=x", "cursor=x", "limit=0", "since=x", "error_class=A%00"] {
                let answer = try await fixture.call("GET", "/v1/tenant/dead-letters?\(bad)", as: fixture.acme.admin)
                #expect(answer.status == 400, "\(bad)")
            }
        }
    }

    @Test func `a page that looks through a bounded number of rows still finds all`() async throws {
        try await withFeed { fixture in
            let webhook = try await fixture.webhook(fixture.acme)
            var rare: [String] = []
            for number in 0..<25 {
                let scene = try await fixture.deadLetter(
                    fixture.acme, webhook, error: number % 10 == 0 ? "dns" : "http_5xx", order: number)
                if number % 10 == 0 { rare.insert(scene.letter.description, at: 0) }
            }
            let store = DeadLetterStore(fixture.pool, scan: 4)
            var filter = DeadLetterFilter()
            filter.errorClass = "dns"
            var found: [String] = []
            var before: String?
            var pages = 0
            while true {
                let page = try await store.page(tenant: fixture.acme.tenant, filter, before: before, limit: 2)
                found += page.letters.map(\.id.description)
                before = page.edge
                pages += 1
                if !page.hasMore { break }
            }
            #expect(found == rare)
            #expect(pages > 3)
        }
    }

    @Test func `one has its exact bytes and every attempt`() async throws {
        try await withFeed { fixture in
            let webhook = try await fixture.webhook(fixture.acme)
            let scene = try await fixture.deadLetter(fixture.acme, webhook, attempts: 3)
            let path = "/v1/tenant/dead-letters/\(scene.letter)"
            let answer = try await fixture.call("GET", path, as: fixture.acme.admin)
            let stored = try await fixture.call("GET", "/v1/events/\(scene.event)", as: fixture.acme.reader).raw.body
            #expect(answer.json["state"]?.text == "dead")
            #expect(answer.json["cause"]?.text == "live")
            #expect(answer.json["attempt_count"]?.int == 3)
            #expect(answer.json["attempts"]?.elements.map { $0["attempt"]?.int } == [1, 2, 3])
            #expect(answer.json["attempts"]?.elements.last?["response_head"]?.text == "ok")
            #expect(answer.json["attempts"]?.elements.last?["total_ms"]?.double == 12.5)
            #expect(answer.json["payload"]?["id"]?.text == scene.event.description)
            #expect(String(decoding: answer.raw.body, as: UTF8.self).contains(String(decoding: stored, as: UTF8.self)))
            #expect(try await fixture.call("GET", path + "/payload", as: fixture.acme.admin).raw.body == stored)
            // Another tenant's, one that is none, one without a right.
            #expect(try await fixture.call("GET", path, as: fixture.other.admin).status == 404)
            #expect(try await fixture.call("GET", path, as: fixture.acme.reader).status == 403)
            for (method, suffix) in [("GET", ""), ("GET", "/payload"), ("POST", "/redrive"), ("DELETE", "?reason=x")] {
                let id = DeadLetterID.make(at: SystemClock().now())
                let none = try await fixture.call(
                    method, "/v1/tenant/dead-letters/\(id)\(suffix)", as: fixture.acme.admin)
                #expect(none.status == 404, "\(method) \(suffix)")
                let foreign = try await fixture.call(
                    method, path + suffix, as: fixture.other.admin)
                #expect(foreign.status == 404, "\(method) \(suffix)")
            }
        }
    }

    @Test func `a redrive is a delivery of its own, happens once, and is in the audit`() async throws {
        try await withFeed { fixture in
            let webhook = try await fixture.webhook(fixture.acme)
            let scene = try await fixture.deadLetter(fixture.acme, webhook)
            let path = "/v1/tenant/dead-letters/\(scene.letter)"
            let answer = try await fixture.call("POST", path + "/redrive", as: fixture.acme.admin)
            #expect(answer.status == 202)
            #expect(answer.json["event_id"]?.text == scene.event.description)
            #expect(answer.json["delivery_id"]?.text != scene.delivery.description)
            let asked = try #require(fixture.lanes.all.first)
            let stored = try await fixture.call("GET", "/v1/events/\(scene.event)", as: fixture.acme.reader).raw.body
            #expect(fixture.lanes.all.count == 1)
            #expect(asked.envelope == stored)
            #expect(asked.row.id == scene.event && asked.endpoint == webhook)
            let delivery = DeliveryID(event: scene.event, endpoint: webhook, cause: asked.cause)
            #expect(answer.json["delivery_id"]?.text == delivery.description)

            let again = try await fixture.call("POST", path + "/redrive", as: fixture.acme.admin)
            #expect(again.status == 409)
            #expect(again.json.errorCode == "already_redriven")
            #expect(fixture.lanes.all.count == 1)
            let found = try await fixture.call("GET", path, as: fixture.acme.admin)
            #expect(found.json["state"]?.text == "redriven")
            #expect(found.json["redelivery_id"]?.text == delivery.description)
            #expect(found.json["redriven_at"]?.text != nil)
            let list = try await fixture.call("GET", "/v1/tenant/dead-letters", as: fixture.acme.admin)
            #expect(list.json.ids == [])

            let audit = try await fixture.call(
                "GET", "/v1/tenant/audit?direction=management&event_id=\(scene.event)", as: fixture.acme.admin)
            let row = try #require(audit.json["data"]?.elements.first)
            #expect(row["verdict"]?.text == "redriven")
            #expect(row["cause"]?.text == asked.cause.description)
            #expect(row["dead_letter_id"]?.text == scene.letter.description)
            #expect(row["actor"]?.text?.hasPrefix("tok_") == true)
            #expect(row["payload_sha256"]?.text == found.json["payload_sha256"]?.text)
            // What the delivery's attempts say is what it was.
            let state = try await fixture.call(
                "GET", "/v1/tenant/deliveries/\(scene.delivery)", as: fixture.acme.admin)
            #expect(state.json["state"]?.text == "dead")
        }
    }

    @Test func `what was claimed and not noted is sent under the same cause`() async throws {
        try await withFeed { fixture in
            let webhook = try await fixture.webhook(fixture.acme)
            let scene = try await fixture.deadLetter(fixture.acme, webhook)
            let store = DeadLetterStore(fixture.pool)
            let first = try await store.claim(
                [scene.letter], tenant: fixture.acme.tenant, cause: .request("job_first"))
            #expect(first.map(\.cause) == [.request("job_first")])
            let answer = try await fixture.call(
                "POST", "/v1/tenant/dead-letters/\(scene.letter)/redrive", as: fixture.acme.admin)
            #expect(answer.status == 202)
            #expect(fixture.lanes.all.map(\.cause) == [.request("job_first")])
            let late = try await store.claim([scene.letter], tenant: fixture.acme.tenant, cause: .request("job_2"))
            #expect(late.isEmpty)
            #expect(
                try await store.noteRedriven([scene.letter], tenant: fixture.acme.tenant, actor: "tok_x") == 0)
        }
    }

    @Test func `nothing is redriven to a webhook that takes nothing, or of an event that the feed has no more`()
        async throws
    {
        try await withFeed { fixture in
            let webhook = try await fixture.webhook(fixture.acme)
            let scene = try await fixture.deadLetter(fixture.acme, webhook)
            let path = "/v1/tenant/dead-letters/\(scene.letter)"
            let hook = "/v1/tenant/webhooks/\(webhook)"
            _ = try await fixture.call("PATCH", hook, as: fixture.acme.admin, #"{"active":false}"#)
            let paused = try await fixture.call("POST", path + "/redrive", as: fixture.acme.admin)
            #expect(paused.status == 409)
            #expect(paused.json.errorCode == "webhook_not_active")
            _ = try await fixture.call("PATCH", hook, as: fixture.acme.admin, #"{"active":true}"#)
            try await fixture.pool.script("update fanfare.feed_head set oldest_pos = next_pos")
            let gone = try await fixture.call("POST", path + "/redrive", as: fixture.acme.admin)
            #expect(gone.status == 410)
            #expect(gone.json.errorCode == "event_gone")
            _ = try await fixture.call("DELETE", hook, as: fixture.acme.admin)
            let deleted = try await fixture.call("POST", path + "/redrive", as: fixture.acme.admin)
            #expect(deleted.status == 409)
            #expect(fixture.lanes.all.isEmpty)
        }
    }

    @Test func `one is thrown away with a reason only, and the audit keeps it`() async throws {
        try await withFeed { fixture in
            let webhook = try await fixture.webhook(fixture.acme)
            let one = try await fixture.deadLetter(fixture.acme, webhook, order: 1)
            let two = try await fixture.deadLetter(fixture.acme, webhook, order: 2)
            let path = "/v1/tenant/dead-letters/\(one.letter)"
            for body in ["{}", #"{"reason":""}"#, #"{"reason":7}"#, #"{"reason":"a\u0000"}"#] {
                #expect(try await fixture.call("DELETE", path, as: fixture.acme.admin, body).status == 400, "\(body)")
            }
            #expect(try await fixture.call("DELETE", path, as: fixture.acme.admin).status == 400)
            let answer = try await fixture.call(
                "DELETE", path, as: fixture.acme.admin, #"{"reason":"the order was cancelled"}"#)
            #expect(answer.status == 204)
            #expect(try await fixture.call("GET", path, as: fixture.acme.admin).status == 404)
            let second = try await fixture.call(
                "DELETE", "/v1/tenant/dead-letters/\(two.letter)?reason=no%20use", as: fixture.acme.admin)
            #expect(second.status == 204)
            let audit = try await fixture.call(
                "GET", "/v1/tenant/audit?direction=management&verdict=discarded", as: fixture.acme.admin)
            let rows = audit.json["data"]?.elements ?? []
            #expect(rows.map { $0["reason"]?.text } == ["no use", "the order was cancelled"])
            #expect(rows.last?["dead_letter_id"]?.text == one.letter.description)
            #expect(rows.last?["event_id"]?.text == one.event.description)
            #expect(fixture.counter("fanfare_dead_letters_discarded_total") == 2)
        }
    }
}

extension FeedFixture {
    private static let letter = Statement(
        "test.letter",
        """
        insert into fanfare.dead_letters (id, tenant_id, webhook_id, event_id, delivery_id, event_type, pos, attempts,
            error_class, status, reason, payload, dead_at)
        select $1, e.tenant_id, $2, e.event_id, $3, e.type, e.pos, $4, $5, 500, 'exhausted', e.envelope, $6
        from fanfare.events e where e.event_id = $7
        """)

    /// A delivery that died, as the settling of its last attempt leaves it.
    ///
    /// - Parameter order: Letters with a higher one are newer.
    func deadLetter(
        _ party: Party, _ webhook: EndpointID, type: String = "run.failed", attempts: Int = 1,
        error: String = "http_5xx", age: Duration = .zero, order: Int = 0
    ) async throws -> DeadLetterTests.Scene {
        let event = try await append(to: party, type: type)[0]
        let delivery = DeliveryID(event: event, endpoint: webhook, cause: .live)
        for number in 1...attempts {
            try await insertAttempt(
                party.tenant, webhook, event, delivery, type: type, attempt: number, status: 500, error: error,
                verdict: number == attempts ? "dead" : "retrying")
        }
        let now = SystemClock().now()
        let id = DeadLetterID(
            Ulid(milliseconds: UInt64(now.milliseconds), randomHigh: UInt16(order), randomLow: delivery.ulid.low))
        try await pool.execute(
            Self.letter,
            Parameters {
                $0.add(id.description)
                $0.add(webhook.description)
                $0.add(delivery.description)
                $0.add(Int32(attempts))
                $0.add(error)
                $0.add(now.adding(seconds: -age.components.seconds))
                $0.add(event.description)
            })
        return DeadLetterTests.Scene(webhook: webhook, event: event, delivery: delivery, letter: id)
    }
}
