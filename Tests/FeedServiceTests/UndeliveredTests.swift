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

/// What the feed has and an endpoint has not acknowledged.
@Suite(.timeLimit(.minutes(5))) struct UndeliveredTests {
    private struct Sweep {
        var events: [String] = []
        var states: [String] = []
        var cursor = ""
        var pages = 0
    }

    private func sweep(
        _ fixture: FeedFixture, _ webhook: EndpointID, _ query: String = "", from cursor: String = ""
    ) async throws -> Sweep {
        var sweep = Sweep(cursor: cursor)
        while true {
            let answer = try await fixture.call(
                "GET", "/v1/tenant/webhooks/\(webhook)/undelivered?cursor=\(sweep.cursor)&\(query)",
                as: fixture.acme.admin)
            #expect(answer.status == 200, "\(answer.raw.text)")
            for item in answer.json["data"]?.elements ?? [] {
                sweep.events.append(item["event_id"]?.text ?? "")
                sweep.states.append(item["state"]?.text ?? "")
            }
            sweep.cursor = try #require(answer.json["next_cursor"]?.text)
            sweep.pages += 1
            guard answer.json["has_more"]?.bool == true else { return sweep }
        }
    }

    private func attempt(
        _ fixture: FeedFixture, _ webhook: EndpointID, _ event: EventID, _ verdict: String, cause: Cause = .live
    ) async throws {
        try await fixture.insertAttempt(
            fixture.acme.tenant, webhook, event, DeliveryID(event: event, endpoint: webhook, cause: cause),
            status: verdict == "delivered" ? 200 : 500, verdict: verdict)
    }

    @Test func `what was acknowledged for whatever cause is not there, all else is`() async throws {
        try await withFeed { fixture in
            let webhook = try await fixture.webhook(fixture.acme, events: #"["run"]"#)
            let other = try await fixture.webhook(fixture.acme)
            let events = try await fixture.append(6, to: fixture.acme)
            try await fixture.append(3, to: fixture.acme, type: "slack.install")
            try await fixture.append(2, to: fixture.other)
            try await attempt(fixture, webhook, events[0], "delivered")
            try await attempt(fixture, webhook, events[1], "retrying")
            try await attempt(fixture, webhook, events[2], "dead")
            try await attempt(fixture, webhook, events[3], "dead")
            try await attempt(fixture, webhook, events[3], "delivered", cause: .request("job_1"))
            try await attempt(fixture, other, events[4], "delivered")
            let expected = [events[1], events[2], events[4], events[5]].map(\.description)
            for limit in [1, 2, 3, 50] {
                let found = try await sweep(fixture, webhook, "limit=\(limit)")
                #expect(found.events == expected, "limit \(limit)")
                #expect(found.states == ["retrying", "dead", "waiting", "waiting"])
            }
            // From where the last one ended, only what is new.
            let first = try await sweep(fixture, webhook)
            let new = try await fixture.append(to: fixture.acme)
            #expect(try await sweep(fixture, webhook, from: first.cursor).events == new.map(\.description))
            #expect(try await sweep(fixture, webhook, "since=2999-01-01T00:00:00Z").events == [])
            #expect(
                try await sweep(fixture, webhook, "since=2001-01-01T00:00:00Z").events
                    == expected + new.map(\.description))
            let gone = FeedCursor(epoch: 99, pos: 1).text
            let refused = try await fixture.call(
                "GET", "/v1/tenant/webhooks/\(webhook)/undelivered?cursor=\(gone)", as: fixture.acme.admin)
            #expect(refused.status == 410)
        }
    }

    @Test func `what was stored before the webhook, or while it was paused, is not owed; the latter may be asked for`()
        async throws
    {
        try await withFeed { fixture in
            try await fixture.append(2, to: fixture.acme)
            let webhook = try await fixture.webhook(fixture.acme)
            let before = try await fixture.append(to: fixture.acme)
            func set(_ isActive: Bool) async throws {
                _ = try await fixture.call(
                    "PATCH", "/v1/tenant/webhooks/\(webhook)", as: fixture.acme.admin, #"{"active":\#(isActive)}"#)
            }
            try await set(false)
            let during = try await fixture.append(2, to: fixture.acme)
            try await set(true)
            let after = try await fixture.append(to: fixture.acme)
            _ = try await fixture.call("POST", "/v1/tenant/webhooks/\(webhook)/test", as: fixture.acme.admin)
            #expect(try await sweep(fixture, webhook).events == (before + after).map(\.description))
            let missed = try await sweep(fixture, webhook, "missed=true")
            #expect(missed.events == (before + during + after).map(\.description))
            #expect(missed.states == ["waiting", "missed", "missed", "waiting"])
        }
    }

    @Test func `a condition is judged by the envelope`() async throws {
        try await withFeed { fixture in
            let answer = try await fixture.call(
                "POST", "/v1/tenant/webhooks", as: fixture.acme.admin,
                #"{"url":"https://example.com/hook","filter":"$.data.n > 1"}"#)
            let webhook = try #require(EndpointID(answer.json["id"]?.text ?? ""))
            try await fixture.append(3, to: fixture.acme, data: #"{"n":1}"#)
            let wanted = try await fixture.append(2, to: fixture.acme, data: #"{"n":2}"#)
            #expect(try await sweep(fixture, webhook).events == wanted.map(\.description))
        }
    }

    @Test func `one request looks through a bounded number of rows, and moves on`() async throws {
        try await withFeed { fixture in
            let webhook = try await fixture.webhook(fixture.acme, events: #"["run"]"#)
            let first = try await fixture.append(to: fixture.acme)
            try await fixture.append(500, to: fixture.acme, type: "slack.install")
            // More than one request asks the audit about.
            let many = try await fixture.append(600, to: fixture.acme)
            for event in many[..<590] { try await attempt(fixture, webhook, event, "delivered") }
            let found = try await sweep(fixture, webhook)
            #expect(found.events == (first + many[590...]).map(\.description))
            #expect(found.pages >= 3)
            let narrow = UndeliveredQueries(fixture.pool, scan: 100)
            let window = try await narrow.window(webhook, tenant: fixture.acme.tenant, after: nil, since: nil)
            #expect(window.items.count == 100)
            #expect(window.hasMore)
            #expect(window.edge == window.items.last?.pos)
        }
    }

    @Test func `what is older than the audit is left out, for nobody can tell`() async throws {
        try await withFeed { fixture in
            let webhook = try await fixture.webhook(fixture.acme)
            try await fixture.append(2, to: fixture.acme)
            try await fixture.pool.script(
                """
                update fanfare.events set recorded_at = now() - interval '2 hours';
                select setval('fanfare.webhook_audit_seq_seq', 1000000);
                """)
            let young = try await fixture.append(2, to: fixture.acme)
            try await fixture.insertAttempt(
                fixture.acme.tenant, webhook, young[0], DeliveryID(event: young[0], endpoint: webhook, cause: .live),
                at: SystemClock().now().adding(seconds: -3_600))
            #expect(try await sweep(fixture, webhook).events.count == 3)
            try await fixture.pool.script("delete from fanfare.partitions where name = 'webhook_audit_0'")
            #expect(try await sweep(fixture, webhook).events == [young[1].description])
        }
    }
}
