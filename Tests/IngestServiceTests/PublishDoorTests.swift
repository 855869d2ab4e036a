import Backbone
import EventCodec
import EventModel
import Synchronization
import TestSupport
import Testing

@Suite struct PublishDoorTests {
    private let event = #"{"type":"run.completed","smith_id":"smt_1","data":{"stop_reason":"end_turn", "n": 1.0}}"#

    @Test(arguments: ["/v1/events", "/v1/ingest/events"])
    func `one event is answered with its id once it is durable`(_ path: String) async throws {
        try await IngestBench.with { bench in
            let response = try await bench.post(path, event)
            #expect(response.status == 202)
            let stored = try #require(bench.log.events.first)
            #expect(response.text == #"{"id":"\#(stored.id)","duplicate":false}"#)
            #expect(
                String(decoding: stored.envelope, as: UTF8.self)
                    == #"{"v":1,"id":"\#(stored.id)","type":"run.completed","created_at":"2026-05-28T20:26:40.000Z","#
                    + #""tenant_id":"\#(FakeDirectory.tenant)","smith_id":"smt_1","#
                    + #""data":{"stop_reason":"end_turn", "n": 1.0}}"#)
        }
    }

    @Test func `nothing is answered before the log has acknowledged`() async throws {
        try await IngestBench.with { bench in
            bench.log.state.withLock { $0.isHolding = true }
            async let response = bench.post("/v1/events", event)
            try await eventually("the append is under way") { bench.log.heldCount == 1 }
            #expect(bench.log.events.isEmpty)
            bench.log.release()
            let answer = try await response
            #expect(answer.status == 202)
        }
    }

    @Test func `what arrives while an append is under way goes into the next one together`() async throws {
        try await IngestBench.with { bench in
            bench.log.state.withLock { $0.isHolding = true }
            try await withThrowingTaskGroup { group in
                for _ in 0..<12 { group.addTask { try await bench.post("/v1/events", event).status } }
                try await eventually("an append is under way") { bench.log.heldCount >= 1 }
                for _ in 0..<12 {
                    group.addTask { try await bench.post("/v1/events", event).status }
                }
                bench.log.release()
                for try await status in group { #expect(status == 202) }
            }
            #expect(bench.log.events.count == 24)
            #expect(bench.log.state.withLock { $0.batches.count } < 24)
        }
    }

    @Test func `an array and NDJSON are batches, in order, with duplicates counted`() async throws {
        let items = ["a", "b", "a"].map { #"{"type":"x.\#($0)","data":null,"idempotency_key":"\#($0)"}"# }
        for (body, type) in [
            ("[\(items.joined(separator: ","))]", "application/json"),
            (items.joined(separator: "\n"), "application/x-ndjson"),
        ] {
            try await IngestBench.with { bench in
                let response = try await bench.post("/v1/events", body, type: type)
                #expect(response.status == 202)
                let events = bench.log.events
                #expect(events.map(\.type) == ["x.a", "x.b", "x.a"])
                #expect(
                    response.text == #"{"accepted":2,"duplicates":1,"ids":["#
                        + [events[0].id, events[1].id, events[0].id].map { "\"\($0)\"" }.joined(separator: ",") + "]}")
            }
        }
    }

    @Test func `the header's key stands for each item with its index`() async throws {
        try await IngestBench.with { bench in
            let body = #"[{"type":"x","data":1},{"type":"x","data":1,"idempotency_key":"own"},{"type":"x","data":1}]"#
            let first = try await bench.post("/v1/events", body, headers: [("Idempotency-Key", "k")])
            let second = try await bench.post("/v1/events", body, headers: [("Idempotency-Key", "k")])
            #expect(first.text.hasPrefix(#"{"accepted":3,"duplicates":0"#))
            #expect(second.text.hasPrefix(#"{"accepted":0,"duplicates":3"#))
            #expect(Set(bench.log.events.prefix(3).compactMap(\.dedupeKey)).count == 3)
        }
    }

    @Test func `a keyed event has the same id at every process all day`() async throws {
        try await IngestBench.with { bench in
            let body = #"{"type":"x","data":1,"idempotency_key":"k"}"#
            _ = try await bench.post("/v1/events", body)
            let id = try #require(bench.log.events.first?.id)
            try await IngestBench.with { other in
                _ = try await other.post("/v1/events", body)
                #expect(other.log.events.first?.id == id)
            }
        }
    }

    @Test(arguments: [
        ("{", 400, "malformed_json", nil), ("[]", 400, "empty_batch", nil), ("3", 400, "invalid_body", nil),
        (#"{"data":1}"#, 400, "missing_field", "type"), (#"{"type":"a..b","data":1}"#, 400, "invalid_field", "type"),
        (#"{"type":"a"}"#, 400, "missing_field", "data"),
        (#"[{"type":"a","data":1},{"type":"a","data":1,"smith_id":""}]"#, 400, "invalid_field", "[1].smith_id"),
        (#"{"type":"a","data":1,"idempotencykey":"x"}"#, 400, "unknown_field", "idempotencykey"),
        (#"{"type":"a","data":1,"created_at":"2026-05-28T20:27:41Z"}"#, 400, "invalid_field", "created_at"),
    ])
    func `bad bodies are refused whole, by field`(
        _ body: String, _ status: Int, _ code: String, _ param: String?
    ) async throws {
        try await IngestBench.with { bench in
            let response = try await bench.post("/v1/events", body)
            #expect(response.status == status)
            let error = try JSONValue(parsing: response.body)["error"]
            #expect(error?["code"]?.text == code)
            #expect(error?["param"]?.text == param)
            #expect(bench.log.events.isEmpty)
        }
    }

    @Test func `sizes, types and methods have their statuses`() async throws {
        try await IngestBench.with { bench in
            let large = #"{"type":"a","data":"\#(String(repeating: "x", count: 256 * 1024))"}"#
            let answer1 = try await bench.post("/v1/events", large)
            #expect(answer1.status == 413)
            let huge = String(repeating: "x", count: 1 << 20 + 1)
            let answer2 = try await bench.post("/v1/events", huge)
            #expect(answer2.status == 413)
            let answer3 = try await bench.post("/v1/events", event, type: "text/plain")
            #expect(answer3.status == 415)
            let answer4 = try await bench.post("/v1/nothing", event)
            #expect(answer4.status == 404)
        }
    }

    @Test func `who may not publish is told so`() async throws {
        try await IngestBench.with { bench in
            let none = try await bench.post("/v1/events", event, token: nil)
            #expect(none.status == 401)
            #expect(none["WWW-Authenticate"] == "Bearer")
            let answer5 = try await bench.post("/v1/events", event, token: "wrong")
            #expect(answer5.status == 401)
            let answer6 = try await bench.post("/v1/events", event, token: "never")
            #expect(answer6.status == 401)
            let answer7 = try await bench.post("/v1/events", event, token: "reader")
            #expect(answer7.status == 403)
            let answer8 = try await bench.post("/v1/events", event, token: "operator")
            #expect(answer8.status == 403)
            let answer9 = try await bench.post("/v1/events", event, token: "late")
            #expect(answer9.status == 202)
        }
    }

    @Test func `a token that cannot be looked up is our trouble, not the client's`() async throws {
        try await IngestBench.with { bench in
            let response = try await bench.post("/v1/events", event, token: "outage")
            #expect(response.status == 503)
            #expect(response["Retry-After"] != nil)
        }
    }

    @Test(arguments: [BackboneError.Code.unavailable, .outcomeUnknown, .overloaded, .stopped])
    func `the log's trouble is 503 with Retry-After`(_ code: BackboneError.Code) async throws {
        try await IngestBench.with { bench in
            bench.log.state.withLock { $0.failure = BackboneError(code, "test") }
            let response = try await bench.post("/v1/events", event)
            #expect(response.status == 503)
            #expect(response["Retry-After"] == "1")
        }
    }

    @Test func `an event that the log cannot hold is 500, and its neighbours are stored`() async throws {
        try await IngestBench.with { bench in
            bench.log.state.withLock { $0.refusedTypes = ["poison"] }
            let answer10 = try await bench.post("/v1/events", #"{"type":"poison","data":1}"#)
            #expect(answer10.status == 500)
            let answer11 = try await bench.post("/v1/events", event)
            #expect(answer11.status == 202)
        }
    }

    @Test func `the feed's paths are the feed's`() async throws {
        try await IngestBench.with { bench in
            let response = try await bench.post("/v1/tenant/webhooks", "{}")
            #expect(response.status == 421)
            #expect(response.text.contains("fanfare-feed"))
        }
    }
}
