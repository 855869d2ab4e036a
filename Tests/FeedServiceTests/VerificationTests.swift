internal import Database
internal import Egress
internal import EventCodec
internal import EventModel
internal import Observability
internal import Signing
internal import Store
internal import Synchronization
internal import TestSupport
internal import Testing

@testable internal import FeedService

/// Webhooks that wait until their endpoint has answered.
@Suite(.timeLimit(.minutes(5))) struct VerificationTests {
    private let path = "/v1/tenant/webhooks"

    /// Runs `body` with a receiver that answers with what `status` holds, and a feed process that really pings.
    private func withReceiver(
        _ status: Int, verifiesAll: Bool = false,
        _ body: (FeedFixture, TestReceiver, @escaping @Sendable (Int) -> Void) async throws -> Void
    ) async throws {
        let answer = TestValue(status)
        let receiver = try TestReceiver { _ in [.answer(answer.value)] }
        defer { receiver.stop() }
        let metrics = MetricsRegistry()
        let resolver = Resolver(metrics: metrics)
        let client = HTTPClient(policy: .development, resolver: resolver, metrics: metrics)
        defer {
            client.stop()
            resolver.stop()
        }
        try await withFeed(
            policy: .development,
            adjust: {
                $0.send = { await client.send($0) }
                $0.verifiesWebhooks = verifiesAll
            }
        ) { fixture in
            try await body(fixture, receiver) { answer.value = $0 }
        }
    }

    private func status(_ fixture: FeedFixture, _ id: String) async throws -> String {
        try await fixture.call("GET", "\(path)/\(id)", as: fixture.acme.admin).json["status"]?.text ?? ""
    }

    @Test func `a webhook is pending until its endpoint answers the signed ping`() async throws {
        try await withReceiver(204) { fixture, receiver, _ in
            let made = try await fixture.call(
                "POST", path, as: fixture.acme.admin,
                #"{"url":"\#(receiver.url)","verify":true,"secret":"correct horse battery","headers":{"X-Team":"a"}}"#)
            #expect(made.status == 201)
            #expect(made.json["status"]?.text == "pending")
            #expect(made.json["active"]?.bool == false)
            #expect(made.json["secret"]?.text == "correct horse battery")
            let id = made.json["id"]?.text ?? ""
            let ping = try #require(await receiver.requests.first(1).first)
            #expect(ping.header("X-IC-Event-Type") == "webhook.test")
            #expect(ping.header("X-Team") == "a")
            let body = try JSONValue(parsing: ping.body)
            #expect(body["data"]?["reason"]?.text == "verification")
            try DeliveryVerifier(secrets: [SigningSecret("correct horse battery")]).verify(
                header: ping.header("X-IC-Signature") ?? "", body: ping.body, now: SystemClock().now())
            try await eventually("the webhook is active") { try await status(fixture, id) == "active" }
            // Not on the feed, but in the audit.
            #expect(try await fixture.call("GET", "/v1/events", as: fixture.acme.reader).json.ids.isEmpty)
            let audit = try await fixture.call("GET", "/v1/tenant/audit?webhook_id=\(id)", as: fixture.acme.admin)
            #expect(audit.json["data"]?.elements.map { $0["cause"]?.text } == ["verification"])
            let webhook = try #require(EndpointID(id))
            #expect(try await fixture.revisions(webhook).last == "active")
            #expect(try await fixture.revisions(webhook).first == "pending")
        }
    }

    @Test func `one that did not answer stays pending, whatever is asked for, until it does`() async throws {
        try await withReceiver(500) { fixture, receiver, answer in
            let made = try await fixture.call(
                "POST", path, as: fixture.acme.admin, #"{"url":"\#(receiver.url)","verify":true}"#)
            let id = made.json["id"]?.text ?? ""
            _ = await receiver.requests.first(1)
            for body in [#"{"active":true}"#, #"{"active":false}"#, #"{"active":true}"#] {
                let patched = try await fixture.call("PATCH", "\(path)/\(id)", as: fixture.acme.admin, body)
                #expect(patched.json["active"]?.bool == false, "\(body)")
            }
            #expect(try await status(fixture, id) == "pending")
            let failed = try await fixture.call("POST", "\(path)/\(id)/verify", as: fixture.acme.admin)
            #expect(failed.status == 200)
            #expect(failed.json["verified"]?.bool == false)
            #expect(failed.json["response_status"]?.int == 500)
            #expect(failed.json["error_class"]?.text == "http_5xx")
            #expect(failed.json["status"]?.text == "pending")
            answer(200)
            let verified = try await fixture.call("POST", "\(path)/\(id)/verify", as: fixture.acme.admin)
            #expect(verified.json["verified"]?.bool == true)
            #expect(verified.json["status"]?.text == "active")
            // Verified once, it may be paused and activated.
            for (body, status) in [(#"{"active":false}"#, "paused"), (#"{"active":true}"#, "active")] {
                let patched = try await fixture.call("PATCH", "\(path)/\(id)", as: fixture.acme.admin, body)
                #expect(patched.json["status"]?.text == status)
            }
            #expect(
                try await fixture.call("POST", "\(path)/\(id)/verify", as: fixture.other.admin).status == 404)
        }
    }

    @Test func `one that moves is asked again`() async throws {
        try await withReceiver(200) { fixture, receiver, _ in
            let made = try await fixture.call(
                "POST", path, as: fixture.acme.admin, #"{"url":"\#(receiver.url)","verify":true}"#)
            let id = made.json["id"]?.text ?? ""
            try await eventually("the webhook is active") { try await status(fixture, id) == "active" }
            let moved = try await fixture.call(
                "PATCH", "\(path)/\(id)", as: fixture.acme.admin, #"{"url":"\#(receiver.url)other"}"#)
            #expect(moved.json["status"]?.text == "pending")
            #expect(moved.json["status_reason"]?.text == "unverified")
            try await eventually("the webhook is active") { try await status(fixture, id) == "active" }
            #expect(receiver.requests.values.count >= 2)
        }
    }

    @Test func `a setting verifies all, and without it nobody is asked`() async throws {
        try await withReceiver(200, verifiesAll: true) { fixture, receiver, _ in
            let made = try await fixture.call(
                "POST", path, as: fixture.acme.admin, #"{"url":"\#(receiver.url)"}"#)
            #expect(made.json["status"]?.text == "pending")
            let paused = try await fixture.call(
                "POST", path, as: fixture.acme.admin, #"{"url":"\#(receiver.url)","active":false}"#)
            #expect(paused.json["status"]?.text == "paused")
            _ = await receiver.requests.first(1)
        }
        try await withFeed { fixture in
            let made = try await fixture.call("POST", path, as: fixture.acme.admin, #"{"url":"https://example.com/"}"#)
            #expect(made.json["status"]?.text == "active")
        }
    }
}
