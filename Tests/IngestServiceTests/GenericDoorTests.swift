import Crypto
import EventCodec
import EventModel
import Inbound
import Synchronization
import TestSupport
import Testing

@testable import IngestService

@Suite struct GenericDoorTests {
    private let path = "/api/v1/webhooks/generic/\(FakeDirectory.workspace)"

    private func data(_ event: NewEvent) throws -> JSONValue {
        let envelope = try Envelope(reading: event.envelope)
        return try JSONValue(parsing: Array(event.envelope[envelope.data]))
    }

    @Test func `any JSON object is accepted and stored unchanged`() async throws {
        try await IngestBench.with { bench in
            let body = #"{ "b": 1.50, "a": [ ], "c": "zero \u0000" }"#
            let response = try await bench.post(path, body, token: nil)
            #expect(response.status == 202)
            #expect(response.text == #"{"accepted":true}"#)
            let event = try #require(bench.log.events.first)
            #expect(event.type == "webhook.generic.received")
            #expect(event.tenant == FakeDirectory.tenant)
            #expect(String(decoding: event.envelope, as: UTF8.self).contains(#""payload":\#(body)}"#))
            let data = try data(event)
            #expect(data["source_kind"]?.text == "webhook.generic")
            #expect(data["source_identifier"]?.text == "generic:\(FakeDirectory.workspace)")
            #expect(data["event_type"]?.text == "received")
            #expect(data["dedupe_key"] == .null)
            #expect(data["workspace_id"]?.text == "\(FakeDirectory.workspace)")
        }
    }

    @Test(arguments: [
        ("?source=stripe&event_type=payment.succeeded", "{}", "webhook.stripe.payment_succeeded"),
        ("?source=zendesk", #"{"event":"Ticket Created!","type":"x"}"#, "webhook.zendesk.ticket_created"),
        ("", #"{"event":"","type":"T-1","action":"a"}"#, "webhook.generic.t_1"),
        ("", #"{"event":1,"type":null,"action":"opened"}"#, "webhook.generic.opened"),
        ("?event_type=", #"{"action":"--"}"#, "webhook.generic.received"),
        ("?event_type=%C3%9Cber", "{}", "webhook.generic.ber"),
    ])
    func `the event type falls back as the seed says`(_ query: String, _ body: String, _ type: String) async throws {
        try await IngestBench.with { bench in
            let answer1 = try await bench.post(path + query, body, token: nil)
            #expect(answer1.status == 202)
            #expect(bench.log.events.first?.type == type)
        }
    }

    @Test func `key and identifier fall back as the seed says`() async throws {
        let cases: [(String, [(String, String)], String, String?, String)] = [
            ("?dedupe_key=k&source_identifier=s", [("X-Webhook-Id", "w")], "{}", "k", "s"),
            ("", [("X-Webhook-Id", "w"), ("X-Request-Id", "r")], #"{"id":"p"}"#, "w", "w"),
            ("", [("X-Request-Id", "r")], #"{"id":"p"}"#, "r", "r"), ("", [], #"{"id":"p"}"#, nil, "p"),
            ("", [], #"{"id":42}"#, nil, "42"),
            ("?source=x", [], #"{"id":4.2}"#, nil, "x:\(FakeDirectory.workspace)"),
        ]
        for (query, headers, body, key, identifier) in cases {
            try await IngestBench.with { bench in
                let answer2 = try await bench.post(path + query, body, token: nil, headers: headers)
                #expect(answer2.status == 202)
                let event = try #require(bench.log.events.first)
                #expect((event.dedupeKey == nil) == (key == nil))
                let data = try data(event)
                #expect(data["dedupe_key"]?.text == key)
                #expect(data["source_identifier"]?.text == identifier)
            }
        }
    }

    @Test func `a workspace can ignore the request id that a balancer invents`() async throws {
        try await IngestBench.with { bench in
            bench.directory.ignoresRequestID.withLock { $0 = true }
            _ = try await bench.post(path, "{}", token: nil, headers: [("X-Request-Id", "r")])
            #expect(bench.log.events.first?.dedupeKey == nil)
        }
    }

    @Test func `headers go on record lower-cased and without secrets`() async throws {
        try await IngestBench.with { bench in
            _ = try await bench.post(
                path, "{}", token: "writer",
                headers: [("X-Custom", "1"), ("Cookie", "c"), ("X-Hub-Signature-256", "s"), ("X-Gitlab-Token", "t")])
            let event = try #require(bench.log.events.first)
            let data = try data(event)
            let headers = try #require(data["headers"])
            #expect(headers["x-custom"]?.text == "1")
            for name in ["authorization", "cookie", "x-hub-signature-256", "x-gitlab-token"] {
                #expect(headers[name] == nil)
            }
        }
    }

    @Test(arguments: [
        ("", "[]", 400), ("", "3", 400), ("", "{", 400), ("", "", 400), ("?source=Stripe", "{}", 400),
        ("?source=test", "{}", 400), ("?source=a.b", "{}", 400), ("?source=%zz", "{}", 400),
    ])
    func `anything else is 400 and never accepted false`(_ query: String, _ body: String, _ status: Int) async throws {
        try await IngestBench.with { bench in
            let response = try await bench.post(path + query, body, token: nil)
            #expect(response.status == status)
            #expect(!response.text.contains("accepted"))
            #expect(bench.log.events.isEmpty)
        }
    }

    @Test func `an unknown workspace is 404, one made a moment ago is not`() async throws {
        try await IngestBench.with { bench in
            let unknown = WorkspaceID(Ulid(high: 9, low: 9))
            for id in ["\(unknown)", "ws_short", "x"] {
                let answer3 = try await bench.post("/api/v1/webhooks/generic/\(id)", "{}", token: nil)
                #expect(answer3.status == 404)
            }
            let late = "/api/v1/webhooks/generic/\(FakeDirectory.lateWorkspace)"
            let answer4 = try await bench.post(late, "{}", token: nil)
            #expect(answer4.status == 202)
        }
    }

    @Test func `a workspace's rate is kept`() async throws {
        try await IngestBench.with { bench in
            bench.directory.rate.withLock { $0 = 2 }
            let answer5 = try await bench.post(path, "{}", token: nil)
            #expect(answer5.status == 202)
            let answer6 = try await bench.post(path, "{}", token: nil)
            #expect(answer6.status == 202)
            let refused = try await bench.post(path, "{}", token: nil)
            #expect(refused.status == 429)
            #expect(refused["Retry-After"] == "1")
            bench.clock.advance(by: .seconds(1))
            let answer7 = try await bench.post(path, "{}", token: nil)
            #expect(answer7.status == 202)
        }
    }

    @Test func `other media types are 415, none at all is fine`() async throws {
        try await IngestBench.with { bench in
            let answer8 = try await bench.post(path, "{}", token: nil, type: "text/plain")
            #expect(answer8.status == 415)
            let answer9 = try await bench.post(path, "{}", token: nil, type: nil)
            #expect(answer9.status == 202)
            let answer10 = try await bench.post(path, "{}", token: nil, type: "application/cloudevents+json")
            #expect(answer10.status == 202)
        }
    }

    @Test(arguments: [
        ([], 401), ([("X-Webhook-Secret", "wrong")], 401), ([("X-Webhook-Secret", FakeDirectory.secret)], 202),
        ([("Authorization", "Bearer \(FakeDirectory.secret)")], 202),
        ([("X-Webhook-Secret", FakeDirectory.secret), ("X-Combo-Signature", "sha256=00")], 401),
    ])
    func `a workspace may demand a secret`(_ headers: [(String, String)], _ status: Int) async throws {
        try await IngestBench.with { bench in
            bench.directory.requirement.withLock { $0 = .secret }
            let answer1 = try await bench.post(path, "{}", token: nil, headers: headers).status
            #expect(answer1 == status)
            #expect(bench.log.events.isEmpty == (status != 202))
        }
    }

    @Test func `a workspace may demand a signature`() async throws {
        try await IngestBench.with { bench in
            bench.directory.requirement.withLock { $0 = .signature }
            let time = bench.clock.now().microseconds / 1_000_000
            func send(_ body: String, signed: String, at time: Int64) async throws -> Int {
                let key = HMACKey(Array(FakeDirectory.secret.utf8))
                let code = key.authenticationCode(for: Array("\(time).\(signed)".utf8))
                let headers = [("X-Combo-Signature", "sha256=\(code)"), ("X-Combo-Timestamp", "\(time)")]
                return try await bench.post(path, body, token: nil, headers: headers).status
            }
            let answer2 = try await send("{}", signed: "{}", at: time)
            #expect(answer2 == 202)
            let answer3 = try await send("{}", signed: "{}", at: time - 301)
            #expect(answer3 == 401)
            let answer4 = try await send("{}", signed: "{} ", at: time)
            #expect(answer4 == 401)
            let secret = [("X-Webhook-Secret", FakeDirectory.secret)]
            let answer5 = try await bench.post(path, "{}", token: nil, headers: secret).status
            #expect(answer5 == 401)
            #expect(bench.log.events.count == 1)
        }
    }

    @Test func `every request is in the audit`() async throws {
        try await IngestBench.with { bench in
            let keyed = [("X-Webhook-Id", "k")]
            _ = try await bench.post(path, "{}", token: nil, headers: keyed)
            _ = try await bench.post(path, "{}", token: nil, headers: keyed)
            _ = try await bench.post(path, "[]", token: nil)
            _ = try await bench.post(path, "x", token: nil, type: "text/plain")
            let nowhere = "/api/v1/webhooks/generic/\(WorkspaceID(Ulid(high: 5, low: 5)))"
            _ = try await bench.post(nowhere, "{}", token: nil)
            let records = await bench.records.reaches(5)
            #expect(records.map(\.verdict) == [.accepted, .duplicate, .refused, .refused, .refused])
            #expect(records.map(\.status) == [202, 202, 400, 415, 404])
            #expect(records.map(\.reason) == [nil, nil, "invalid_body", "unsupported_media_type", "not_found"])
            #expect(records[0].dedupeKey == "k" && records[1].event == records[0].event)
            #expect(records.prefix(4).allSatisfy { $0.integration == "\(FakeDirectory.workspace)" })
            #expect(records[4].tenant == nil)
        }
    }

    @Test func `a slug stays within an event type's length`() {
        let slug = EventNaming.slug(String(repeating: "ab ", count: 200), sourceLength: 64)
        #expect(EventType("webhook.\(String(repeating: "s", count: 64)).\(slug)") != nil)
        #expect(EventNaming.slug("  __Hello,  World__ ", sourceLength: 7) == "hello_world")
    }
}
