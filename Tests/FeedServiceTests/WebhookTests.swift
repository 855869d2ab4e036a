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

/// Registering, changing, testing and deleting webhooks (contracts §6).
@Suite(.timeLimit(.minutes(5))) struct WebhookTests {
    private let path = "/v1/tenant/webhooks"

    @Test func `a webhook is created as seed 0 has it, and its secret is shown once`() async throws {
        try await withFeed { fixture in
            let made = try await fixture.call(
                "POST", path, as: fixture.acme.admin,
                #"{"url":"https://example.com/ic/webhook","events":["run.completed","slack"]}"#,
                headers: [("IC-Api-Version", "2026-05-01")])
            #expect(made.status == 201)
            let id = try #require(EndpointID(made.json["id"]?.text ?? ""))
            let secret = try #require(made.json["secret"]?.text)
            #expect(secret.hasPrefix("whsec_"))
            #expect(made.json["status"]?.text == "active")
            #expect(made.json["active"]?.bool == true)
            #expect(made.json["timeout_s"]?.int == 10)
            #expect(made.json["schedule"]?.elements.map(\.int) == [0, 30, 120, 600, 3_600])
            #expect(made.json["metadata"] == .object([]))
            #expect(made.json["created_at"]?.text?.hasSuffix("Z") == true)
            let found = try await fixture.call("GET", "\(path)/\(id)", as: fixture.acme.admin)
            #expect(found.json["secret"] == nil)
            #expect(found.json["events"]?.elements.map(\.text) == ["run.completed", "slack"])
            // At rest it is sealed, and opens only as this webhook's.
            let record = try #require(try await WebhookStore(fixture.pool).find(id, tenant: fixture.acme.tenant))
            let sealed = try #require(record.sealedSecrets.first)
            #expect(!sealed.contains(secret))
            let opened = try fixture.secrets.open(sealed, context: WebhookRecord.secretContext(id))
            #expect(String(decoding: opened, as: UTF8.self) == secret)
        }
    }

    @Test func `seed 1's path and a secret of the caller's own`() async throws {
        try await withFeed { fixture in
            let made = try await fixture.call(
                "POST", "/v1/webhook/subscriptions", as: fixture.acme.admin,
                #"{"url":"https://example.com/","events":["session.finished"],"secret":"correct horse battery"}"#)
            #expect(made.status == 201)
            #expect(made.json["secret"]?.text == "correct horse battery")
        }
    }

    @Test(arguments: [
        (#"{}"#, "url"), (#"{"url":7}"#, "url"), (#"{"url":"http://example.com/"}"#, "url"),
        (#"{"url":"https://127.0.0.1/"}"#, "url"), (#"{"url":"https://10.0.0.1/"}"#, "url"),
        (#"{"url":"https://example.com\\@127.0.0.1/"}"#, "url"), (#"{"url":"https://user:pw@example.com/"}"#, "url"),
        (#"{"url":"https://localhost/"}"#, "url"), (#"{"url":"https://inside.example/"}"#, "url"),
        (#"{"url":"https://half.example/"}"#, "url"),
        (#"{"url":"https://example.com/","events":"run"}"#, "events"),
        (#"{"url":"https://example.com/","events":["run..x"]}"#, "events[0]"),
        (#"{"url":"https://example.com/","events":["run",""]}"#, "events[1]"),
        (#"{"url":"https://example.com/","secret":"short"}"#, "secret"),
        (#"{"url":"https://example.com/","secret":"Umlaut äääääääääääää"}"#, "secret"),
        (#"{"url":"https://example.com/","timeout_s":0}"#, "timeout_s"),
        (#"{"url":"https://example.com/","timeout_s":31}"#, "timeout_s"),
        (#"{"url":"https://example.com/","timeout_s":1.5}"#, "timeout_s"),
        (#"{"url":"https://example.com/","schedule":[]}"#, "schedule"),
        (#"{"url":"https://example.com/","schedule":[0,-1]}"#, "schedule[1]"),
        (#"{"url":"https://example.com/","schedule":[0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0]}"#, "schedule"),
        (#"{"url":"https://example.com/","schedule":[86400,86400,86400]}"#, "schedule"),
        (#"{"url":"https://example.com/","metadata":[]}"#, "metadata"),
        (#"{"url":"https://example.com/","description":1}"#, "description"),
        (#"{"url":"https://example.com/","active":"yes"}"#, "active"),
        (#"{"url":"https://example.com/","filter":"$.data["}"#, "filter"),
        (#"{"url":"https://example.com/","filter":"$.data.a == $.data[*]"}"#, "filter"),
        (#"{"url":"https://example.com/","filter":""}"#, "filter"),
        (#"{"url":"https://example.com/","rate_per_s":0}"#, "rate_per_s"),
        (#"{"url":"https://example.com/","rate_per_s":"fast"}"#, "rate_per_s"),
        (#"{"url":"https://example.com/","max_in_flight":0}"#, "max_in_flight"),
        (#"{"url":"https://example.com/","max_in_flight":1.5}"#, "max_in_flight"),
    ]) func `a bad webhook is refused with the field's name`(body: String, param: String) async throws {
        let names = [
            "example.com": ["93.184.216.34"], "inside.example": ["10.1.2.3"],
            "half.example": ["93.184.216.34", "127.0.0.1"],
        ]
        try await withFeed(names: names) { fixture in
            let answer = try await fixture.call("POST", path, as: fixture.acme.admin, body)
            #expect(answer.status == 400)
            #expect(answer.json["error"]?["param"]?.text == param)
            #expect(try await fixture.call("GET", path, as: fixture.acme.admin).json.ids.isEmpty)
        }
    }

    @Test func `a name that does not resolve yet is accepted, and an operator may allow private targets`() async throws
    {
        try await withFeed { fixture in
            let answer = try await fixture.call(
                "POST", path, as: fixture.acme.admin, #"{"url":"https://NOT-YET.example:443"}"#)
            #expect(answer.status == 201)
            #expect(answer.json["url"]?.text == "https://not-yet.example/")
        }
        try await withFeed(policy: .development) { fixture in
            let answer = try await fixture.call(
                "POST", path, as: fixture.acme.admin, #"{"url":"http://127.0.0.1:9999/hook"}"#)
            #expect(answer.status == 201)
        }
    }

    @Test func `only what matters to sending makes a revision, in force from the head on`() async throws {
        try await withFeed { fixture in
            let id = try await fixture.webhook(fixture.acme)
            func patch(_ body: String) async throws -> FeedFixture.Answer {
                try await fixture.call("PATCH", "\(path)/\(id)", as: fixture.acme.admin, body)
            }
            #expect(try await patch(#"{"description":"ours","metadata":{"team":"a"}}"#).status == 200)
            #expect(try await fixture.revisions(id) == ["active"])
            let paused = try await patch(#"{"active":false}"#)
            #expect(paused.json["status"]?.text == "paused")
            #expect(paused.json["active"]?.bool == false)
            #expect(paused.json["description"]?.text == "ours")
            #expect(try await patch(#"{"active":false}"#).json["status"]?.text == "paused")
            #expect(try await fixture.revisions(id) == ["active", "paused"])
            let changed = try await patch(
                #"{"active":true,"events":["slack"],"timeout_s":5,"schedule":[0,5],"url":"https://example.com/b"}"#)
            #expect(changed.json["timeout_s"]?.int == 5)
            #expect(changed.json["url"]?.text == "https://example.com/b")
            #expect(try await fixture.revisions(id) == ["active", "paused", "active"])
            let reset = try await patch(#"{"timeout_s":null,"schedule":null,"events":null,"metadata":null}"#)
            #expect(reset.json["timeout_s"]?.int == 10)
            #expect(reset.json["events"]?.elements == [])
            #expect(reset.json["metadata"] == .object([]))
            #expect(try await patch(#"{"url":"https://127.0.0.1/"}"#).status == 400)
            #expect(try await fixture.call("DELETE", "\(path)/\(id)", as: fixture.acme.admin).status == 204)
            #expect(try await fixture.call("DELETE", "\(path)/\(id)", as: fixture.acme.admin).status == 404)
            #expect(try await fixture.revisions(id).last == "deleted")
            #expect(try await patch("{}").status == 404)
        }
    }

    @Test func `a filter is kept, changed and taken away, and each is a revision`() async throws {
        try await withFeed { fixture in
            let made = try await fixture.call(
                "POST", path, as: fixture.acme.admin,
                #"{"url":"https://example.com/","filter":"$.data.amount > 100"}"#)
            #expect(made.json["filter"]?.text == "$.data.amount > 100")
            let id = try #require(EndpointID(made.json["id"]?.text ?? ""))
            let changed = try await fixture.call(
                "PATCH", "\(path)/\(id)", as: fixture.acme.admin, #"{"filter":"$.smith_id == 'a'"}"#)
            #expect(changed.json["filter"]?.text == "$.smith_id == 'a'")
            let same = try await fixture.call("PATCH", "\(path)/\(id)", as: fixture.acme.admin, #"{"timeout_s":5}"#)
            #expect(same.json["filter"]?.text == "$.smith_id == 'a'")
            let changes = try await RevisionStore(pool: fixture.pool).changes(since: 0)
            #expect(changes.revisions.last?.filter == "$.smith_id == 'a'")
            let none = try await fixture.call("PATCH", "\(path)/\(id)", as: fixture.acme.admin, #"{"filter":null}"#)
            #expect(none.status == 200)
            #expect(none.json["filter"]?.text == nil)
            #expect(try await fixture.revisions(id).count == 4)
        }
    }

    @Test func `limits are kept, changed and taken away, and each is a revision`() async throws {
        try await withFeed { fixture in
            let made = try await fixture.call(
                "POST", path, as: fixture.acme.admin,
                #"{"url":"https://example.com/","rate_per_s":2.5,"max_in_flight":3}"#)
            #expect(made.status == 201)
            let id = try #require(EndpointID(made.json["id"]?.text ?? ""))
            func current() async throws -> EndpointLimits? {
                try await RevisionStore(pool: fixture.pool).changes(since: 0).revisions.last { $0.endpoint == id }?
                    .limits
            }
            #expect(try await current() == EndpointLimits(ratePerSecond: 2.5, inFlight: 3))
            let both = try await fixture.call(
                "PATCH", "\(path)/\(id)", as: fixture.acme.admin, #"{"rate_per_s":10,"timeout_s":5}"#)
            #expect(both.status == 200)
            #expect(try await current() == EndpointLimits(ratePerSecond: 10, inFlight: 3))
            let none = try await fixture.call(
                "PATCH", "\(path)/\(id)", as: fixture.acme.admin, #"{"rate_per_s":null,"max_in_flight":null}"#)
            #expect(none.status == 200)
            #expect(try await current() == EndpointLimits())
            #expect(
                try await fixture.call("PATCH", "\(path)/\(id)", as: fixture.other.admin, #"{"rate_per_s":1}"#).status
                    == 404)
        }
    }

    @Test func `a disabled webhook stays disabled until somebody activates it`() async throws {
        try await withFeed { fixture in
            let id = try await fixture.webhook(fixture.acme)
            let store = WebhookStore(fixture.pool)
            #expect(try await store.disable(id, reason: "gone"))
            #expect(try await !store.disable(id, reason: "gone"))
            let off = try await fixture.call(
                "PATCH", "\(path)/\(id)", as: fixture.acme.admin, #"{"active":false}"#)
            #expect(off.json["status"]?.text == "disabled")
            #expect(off.json["status_reason"]?.text == "gone")
            let on = try await fixture.call("PATCH", "\(path)/\(id)", as: fixture.acme.admin, #"{"active":true}"#)
            #expect(on.json["status"]?.text == "active")
            #expect(on.json["status_reason"] == nil)
        }
    }

    @Test func `two who change different fields at once lose nothing`() async throws {
        try await withFeed { fixture in
            let id = try await fixture.webhook(fixture.acme)
            try await withThrowingTaskGroup(of: Int.self) { group in
                for body in [
                    #"{"description":"d"}"#, #"{"timeout_s":3}"#, #"{"events":["run"]}"#, #"{"metadata":{"a":1}}"#,
                ] {
                    group.addTask {
                        try await fixture.call("PATCH", "\(path)/\(id)", as: fixture.acme.admin, body).status
                    }
                }
                for try await status in group { #expect(status == 200) }
            }
            let found = try await fixture.call("GET", "\(path)/\(id)", as: fixture.acme.admin).json
            #expect(found["description"]?.text == "d")
            #expect(found["timeout_s"]?.int == 3)
            #expect(found["events"]?.elements.map(\.text) == ["run"])
            #expect(found["metadata"]?["a"]?.int == 1)
        }
    }

    @Test func `the list pages in order of making`() async throws {
        try await withFeed { fixture in
            var made: [String] = []
            for _ in 0..<5 { made.append(try await fixture.webhook(fixture.acme).description) }
            made.sort()
            var seen: [String] = []
            var cursor = ""
            for _ in 0..<3 {
                let page = try await fixture.call("GET", "\(path)?limit=2&cursor=\(cursor)", as: fixture.acme.admin)
                seen += page.json.ids
                cursor = page.json["next_cursor"]?.text ?? ""
            }
            #expect(seen == made)
            #expect(cursor.isEmpty)
        }
    }

    @Test func `the test is on the feed, for its endpoint alone, and names its delivery`() async throws {
        try await withFeed { fixture in
            let id = try await fixture.webhook(fixture.acme, events: #"["slack"]"#)
            _ = try await fixture.call("PATCH", "\(path)/\(id)", as: fixture.acme.admin, #"{"active":false}"#)
            let answer = try await fixture.call("POST", "\(path)/\(id)/test", as: fixture.acme.admin)
            #expect(answer.status == 202)
            let event = try #require(EventID(answer.json["event_id"]?.text ?? ""))
            #expect(
                answer.json["delivery_id"]?.text
                    == DeliveryID(event: event, endpoint: id, cause: .test).description)
            let found = try await fixture.call("GET", "/v1/events/\(event)", as: fixture.acme.reader)
            #expect(found.json["type"]?.text == "webhook.test")
            #expect(found.json["data"]?["webhook_id"]?.text == id.description)
            let stored = try #require(
                try await FeedQueries(fixture.pool).event(event, tenant: fixture.acme.tenant))
            #expect(stored.row.onlyEndpoint == id)
            // Polls of the feed show it too.
            #expect(
                try await fixture.call("GET", "/v1/events", as: fixture.acme.reader).json.ids == [event.description])
        }
    }
}
