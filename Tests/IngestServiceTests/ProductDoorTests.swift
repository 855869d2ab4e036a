import Backbone
import Crypto
import EventCodec
import EventModel
import Inbound
import IngestService
import Synchronization
import TestSupport
import Testing

/// Seed 4's door: its form and those that both products really send.
@Suite struct ProductDoorTests {
    private static let secret = "your-secret"

    private func sign(_ body: String, _ secret: String = secret) -> String {
        var hex: [UInt8] = []
        HMACKey(Array(secret.utf8)).authenticationCode(for: Array(body.utf8)).appendHex(to: &hex)
        return String(decoding: hex, as: UTF8.self)
    }

    private func post(
        _ bench: IngestBench, _ body: String, path: String = "", headers: [(String, String)] = []
    ) async throws -> (status: Int, json: JSONValue) {
        let answer = try await bench.post("/api/events/ingest" + path, body, token: nil, headers: headers)
        return (answer.status, try JSONValue(parsing: answer.body))
    }

    private static let approved = #"""
        {"source":"agentgate","event":"request.approved","data":{"requestId":"req_123","action":"send_email","decidedBy":"admin"}}
        """#

    @Test func `the seed's curl is answered as the seed has it, and is an event of the tenant's`() async throws {
        try await IngestBench.with { bench in
            let id = try bench.integrate(.agentgate, secrets: #"{"secrets":["\#(Self.secret)"]}"#)
            let signature = [("X-Webhook-Signature", sign(Self.approved))]
            let answer = try await post(bench, Self.approved, headers: signature)
            #expect(answer.status == 201)
            #expect(answer.json["ok"] == .bool(true))
            #expect(answer.json["eventType"] == .string("approval_granted"))
            let event = try #require(bench.log.events.first)
            #expect(answer.json["eventId"] == .string("\(event.id)"))
            #expect(event.type == "approval_granted")
            #expect(event.tenant == FakeDirectory.tenant)
            #expect(event.dedupeKey == nil)
            let data = try #require(try JSONValue(parsing: event.envelope)["data"])
            #expect(data["session_id"] == answer.json["sessionId"])
            #expect(data["payload"]?["decidedBy"] == .string("admin"))
            // No key: the same again is an event of its own.
            let again = try await post(bench, Self.approved, headers: signature)
            #expect(again.status == 201)
            #expect(again.json["eventId"] != answer.json["eventId"])
            let record = try #require(await bench.records.reaches(2).first)
            #expect(record.verdict == .accepted)
            #expect(record.integration == "\(id)")
            #expect(record.channel == "agentgate")
            #expect(record.event == event.id)
        }
    }

    @Test func `what the products really send is taken`() async throws {
        try await IngestBench.with { bench in
            try bench.integrate(.agentgate, secrets: #"{"secrets":["gate"]}"#)
            try bench.integrate(.formbridge, secrets: #"{"secrets":["old","form"]}"#, number: 2)
            let gate = #"{"event":"request.created","data":{"id":"r","action":"a"},"timestamp":1780000000000}"#
            let first = try await post(bench, gate, headers: [("X-AgentGate-Signature", sign(gate, "gate"))])
            #expect(first.json["eventType"] == .string("approval_requested"))
            let form =
                #"{"submissionId":"s","intakeId":"i","state":"approved","fields":{},"metadata":{"createdBy":"ada"}}"#
            let second = try await post(
                bench, form, headers: [("X-FormBridge-Signature", "sha256=" + sign(form, "form"))])
            #expect(second.json["eventType"] == .string("form_completed"))
            #expect(bench.log.events.map(\.type) == ["approval_requested", "form_completed"])
        }
    }

    @Test func `errors are the seed's, in the seed's order`() async throws {
        try await IngestBench.with { bench in
            let good = [("X-Webhook-Signature", sign(Self.approved))]
            #expect(try await post(bench, "{").status == 400)
            #expect(try await post(bench, "[]").status == 400)
            #expect(try await post(bench, #"{"event":"x"}"#).status == 400)
            let unconfigured = try await post(bench, Self.approved, headers: good)
            #expect(unconfigured.status == 500)
            #expect(
                unconfigured.json
                    == .object([
                        .init("error", .string("Webhook secret not configured for source: agentgate")),
                        .init("status", .number(JSONNumber(500))),
                    ]))
            try bench.integrate(.agentgate, secrets: #"{"secrets":["\#(Self.secret)"]}"#)
            let cases: [(String, [(String, String)], Int)] = [
                (Self.approved, [], 401), (Self.approved, [("X-Webhook-Signature", sign(Self.approved, "other"))], 401),
                (Self.approved, good + good, 401), (Self.approved + " ", good, 401),
            ]
            for (body, headers, status) in cases {
                let answer = try await post(bench, body, headers: headers)
                #expect(answer.status == status)
                #expect(answer.json["error"] == .string("Invalid webhook signature"))
                #expect(answer.json["status"] == .number(JSONNumber(Int64(status))))
            }
            for body in [
                #"{"source":"agentgate","data":{}}"#, #"{"source":"agentgate","event":"request.created"}"#,
                #"{"source":"agentgate","event":"submission.created","data":{}}"#,
            ] {
                let answer = try await post(bench, body, headers: [("X-Webhook-Signature", sign(body))])
                #expect(answer.status == 400)
            }
            #expect(bench.log.events.isEmpty)
            let records = await bench.records.reaches(11)
            #expect(records.allSatisfy { $0.verdict == .refused })
            #expect(
                records.map(\.reason) == [
                    "json", "json", "source", "secret", "signature", "signature", "signature", "signature", "event",
                    "data", "unknown_event",
                ])
        }
    }

    @Test func `an unsigned event is custom, and forges nothing`() async throws {
        try await IngestBench.with { bench in
            let custom = #"""
                {"source":"generic","event":"custom","data":{"eventType":"custom","type":"deployment","data":{"version":"2.0.0"}},
                "context":{"agentlens_session_id":"sess_01HXYZ","agentlens_agent_id":"deploy-bot"}}
                """#
            let taken = try await post(bench, custom)
            #expect(taken.status == 201)
            #expect(taken.json["sessionId"] == .string("sess_01HXYZ"))
            let forged = #"{"source":"generic","event":"x","data":{"eventType":"approval_granted"}}"#
            let refused = try await post(bench, forged, headers: [("X-AgentGate-Signature", "x")])
            #expect(refused.status == 400)
            #expect(bench.log.events.map(\.type) == ["custom"])
        }
    }

    @Test func `a workspace's id says whose events they are, and the bare path needs one tenant`() async throws {
        try await IngestBench.with { bench in
            let body = #"{"source":"generic","event":"x","data":{}}"#
            #expect(try await post(bench, body, path: "/\(FakeDirectory.workspace)").status == 201)
            #expect(try await post(bench, body, path: "/\(FakeDirectory.lateWorkspace)").status == 201)
            let unknown = try await post(bench, body, path: "/\(WorkspaceID(Ulid(high: 7, low: 7)))")
            #expect(unknown.status == 404)
            #expect(unknown.json["status"] == .number(JSONNumber(404)))
            #expect(try await post(bench, body, path: "/nobody").status == 404)
            bench.directory.tenants.withLock { _ = $0.insert(TenantID(Ulid(high: 8, low: 8))) }
            let several = try await post(bench, body)
            #expect(several.status == 500)
            #expect(several.json["error"] == .string("No tenant configured for source: generic"))
            #expect(try await post(bench, body, path: "/\(FakeDirectory.workspace)").status == 201)
        }
    }

    @Test func `guards of the integration hold here too, and other types and methods are refused in the seed's form`()
        async throws
    {
        try await IngestBench.with { bench in
            try bench.integrate(
                .agentgate, secrets: #"{"secrets":["\#(Self.secret)"]}"#, config: #"{"ip_allow":["192.0.2.0/24"]}"#)
            let answer = try await post(bench, Self.approved, headers: [("X-Webhook-Signature", sign(Self.approved))])
            #expect(answer.status == 403)
            let form = try await bench.post("/api/events/ingest", "a=b", token: nil, type: "text/plain")
            #expect(form.status == 415)
            #expect(try JSONValue(parsing: form.body)["status"] == .number(JSONNumber(415)))
            let packed = try await bench.post(
                "/api/events/ingest", "{}", token: nil, headers: [("Content-Encoding", "gzip")])
            #expect(packed.status == 415)
            let get = try await bench.send("GET", "/api/events/ingest")
            #expect(get.status == 405)
            #expect(get["Allow"] == "OPTIONS, POST" || get["Allow"] == "POST, OPTIONS")
            #expect(try JSONValue(parsing: get.body)["status"] == .number(JSONNumber(405)))
            #expect(try await bench.send("OPTIONS", "/api/events/ingest").status == 204)
            #expect(await bench.records.reaches(4).map(\.status) == [403, 415, 415, 405])
            #expect(bench.log.events.isEmpty)
        }
    }

    @Test func `while the log is away the answer is 503 in the seed's form`() async throws {
        try await IngestBench.with { bench in
            bench.log.state.withLock { $0.failure = .init(.unavailable, "away") }
            let answer = try await post(bench, #"{"source":"generic","event":"x","data":{}}"#)
            #expect(answer.status == 503)
            #expect(answer.json["status"] == .number(JSONNumber(503)))
            let record = try #require(await bench.records.reaches(1).first)
            #expect(record.verdict == .refused)
        }
    }
}
