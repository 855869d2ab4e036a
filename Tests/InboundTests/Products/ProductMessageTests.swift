import EventCodec
import EventModel
import Inbound
import Testing

@Suite struct ProductMessageTests {
    private let now = Timestamp(seconds: 1_780_000_000)

    private func message(_ body: String, _ headers: [(String, String)] = []) throws -> ProductMessage {
        try ProductMessage(body: Array(body.utf8)) { name in
            headers.contains { $0.0.lowercased() == name.lowercased() }
        }
    }

    private func refusal(_ body: () throws -> Void) -> ProductRefusal? {
        do {
            try body()
            return nil
        } catch {
            return error as? ProductRefusal
        }
    }

    private func event(_ message: ProductMessage) throws -> (type: String, session: String, data: JSONValue) {
        let event = try message.event(at: now) { "unlinked_1" }
        return (event.type.text, event.session, try JSONValue(parsing: event.data))
    }

    // MARK: Who sends

    @Test(arguments: [
        (#"{"source":"agentgate"}"#, "", ProductSource.agentgate),
        (#"{"source":"generic","event":"request.created"}"#, "X-AgentGate-Signature", .generic),
        (#"{"event":"custom"}"#, "X-AgentGate-Signature", .agentgate),
        (#"{"event":"request.created"}"#, "x-formbridge-signature", .formbridge),
        (#"{"source":"else","event":"request.created"}"#, "", .agentgate),
        (#"{"event":"submission.created"}"#, "", .formbridge),
        (#"{"event":"submission.created"}"#, "X-Webhook-Signature", .formbridge),
    ]) func `the body says who sends, else the product's header, else the event`(
        body: String, header: String, source: ProductSource
    ) throws {
        #expect(try message(body, [(header, "x")]).source == source)
    }

    @Test(arguments: [
        "{}", #"{"source":"other"}"#, #"{"source":7,"event":"run.completed"}"#, #"{"event":["request."]}"#,
    ])
    func `nobody in particular is refused`(body: String) {
        let refused = refusal { _ = try message(body, [("X-Webhook-Signature", "x")]) }
        #expect(refused?.status == 400)
        #expect(refused?.reason == .source)
    }

    @Test(arguments: ["", "{", "[]", "null", #""source""#, #"{"source":"generic","source":"agentgate"}"#, "{}{}"])
    func `what is no object is refused before anything else`(body: String) {
        let refused = refusal { _ = try message(body, [("X-AgentGate-Signature", "x")]) }
        #expect(refused?.status == 400)
        #expect(refused?.reason == .json)
    }

    // MARK: AgentGate

    @Test func `the seed's own example becomes its event`() throws {
        let made = try event(
            message(
                #"""
                {"source":"agentgate","event":"request.approved","data":{"requestId":"req_123","action":"send_email",
                "decidedBy":"admin@company.com","reason":"Approved for known recipient"},
                "timestamp":"2026-02-08T10:00:00.000Z",
                "context":{"agentlens_session_id":"sess_01HXYZ","agentlens_agent_id":"my-agent","verifiedAgentId":"root",
                "source":"forged","run":7}}
                """#))
        #expect(made.type == "approval_granted")
        #expect(made.session == "sess_01HXYZ")
        #expect(
            made.data
                == (try JSONValue(
                    parsing: Array(
                        #"""
                        {"session_id":"sess_01HXYZ","agent_id":"my-agent","source":"agentgate","webhook_event":"request.approved",
                        "timestamp":"2026-02-08T10:00:00.000Z","payload":{"requestId":"req_123","action":"send_email",
                        "decidedBy":"admin@company.com","reason":"Approved for known recipient"},
                        "metadata":{"source":"agentgate","webhookEvent":"request.approved","agentlens_session_id":"sess_01HXYZ",
                        "agentlens_agent_id":"my-agent","run":7}}
                        """#.utf8))))
    }

    @Test(arguments: [
        (
            "request.created", #"{"id":7,"action":"a"}"#, "approval_requested",
            #"{"requestId":"7","action":"a","params":{},"urgency":"normal"}"#
        ),
        (
            "request.created", #"{"requestId":"r","params":{"b":1,"a":[]},"urgency":"high"}"#, "approval_requested",
            #"{"requestId":"r","action":"","params":{"b":1,"a":[]},"urgency":"high"}"#
        ),
        (
            "request.denied", #"{"deniedBy":"d","reason":""}"#, "approval_denied",
            #"{"requestId":"","action":"","decidedBy":"d"}"#
        ),
        (
            "request.expired", #"{"decidedBy":null,"approvedBy":"x","deniedBy":"y"}"#, "approval_expired",
            #"{"requestId":"","action":"","decidedBy":"x"}"#
        ),
        ("request.approved", "{}", "approval_granted", #"{"requestId":"","action":"","decidedBy":"system"}"#),
    ]) func `what AgentGate leaves out has its default`(name: String, data: String, type: String, payload: String)
        throws
    {
        let made = try event(message(#"{"event":"\#(name)","data":\#(data),"timestamp":1780000000123}"#))
        #expect(made.type == type)
        #expect(made.session == "unlinked_1")
        #expect(made.data["agent_id"] == .string("external"))
        #expect(made.data["timestamp"] == .string("2026-05-28T20:26:40.123Z"))
        #expect(made.data["payload"].map { String(decoding: $0.bytes, as: UTF8.self) } == payload)
    }

    // MARK: FormBridge

    @Test(arguments: [
        (
            "submission.created", #"{"submissionId":"s","formId":"f","formName":"n","fieldCount":3}"#, "form_submitted",
            #"{"submissionId":"s","formId":"f","formName":"n","fieldCount":3}"#
        ),
        (
            "submission.created", #"{"id":"s","fieldCount":"3"}"#, "form_submitted",
            #"{"submissionId":"s","formId":"","fieldCount":0}"#
        ),
        (
            "submission.completed", #"{"submissionId":"s","durationMs":5.5}"#, "form_completed",
            #"{"submissionId":"s","formId":"","completedBy":"unknown","durationMs":5.5}"#
        ),
        (
            "submission.expired", #"{"submissionId":"s","expiredAfterMs":9}"#, "form_expired",
            #"{"submissionId":"s","formId":"","expiredAfterMs":9}"#
        ),
    ]) func `FormBridge's events in the seed's form`(name: String, data: String, type: String, payload: String) throws {
        let made = try event(message(#"{"source":"formbridge","event":"\#(name)","data":\#(data)}"#))
        #expect(made.type == type)
        #expect(made.data["payload"].map { String(decoding: $0.bytes, as: UTF8.self) } == payload)
        #expect(made.data["timestamp"] == .string("2026-05-28T20:26:40.000Z"))
    }

    @Test(arguments: [
        ("submitted", "form_completed", #""completedBy":"ada","durationMs":61500"#),
        ("finalized", "form_completed", #""completedBy":"ada","durationMs":61500"#),
        ("approved", "form_completed", #""completedBy":"ada","durationMs":61500"#),
        ("expired", "form_expired", #""expiredAfterMs":61500"#),
        ("cancelled", "form_expired", #""expiredAfterMs":61500"#),
        ("rejected", "form_expired", #""expiredAfterMs":61500"#),
        ("draft", "form_submitted", #""fieldCount":2"#),
    ]) func `a submission without an envelope says by its state what has happened`(
        state: String, type: String, rest: String
    ) throws {
        let made = try event(
            message(
                #"""
                {"submissionId":"sub_1","intakeId":"int_1","state":"\#(state)","fields":{"a":1,"b":{"c":2}},
                "fieldAttribution":{},"metadata":{"createdAt":"2026-02-08T10:00:00.000Z",
                "updatedAt":"2026-02-08T10:01:01.500Z","createdBy":"ada"}}
                """#, [("X-FormBridge-Signature", "sha256=x")]))
        #expect(made.type == type)
        #expect(made.data["agent_id"] == .string("ada"))
        #expect(
            made.data["payload"].map { String(decoding: $0.bytes, as: UTF8.self) }
                == #"{"submissionId":"sub_1","formId":"int_1",\#(rest)}"#)
    }

    @Test(arguments: [
        #"{"createdAt":"yesterday","updatedAt":"2026-02-08T10:01:01.500Z"}"#,
        #"{"createdAt":"2026-02-08T10:01:01.500Z","updatedAt":"2026-02-08T10:00:00Z"}"#, "{}", "7",
    ]) func `what is no date, or lies the wrong way round, lasts no time`(metadata: String) throws {
        let made = try event(
            message(
                #"{"submissionId":"s","state":"expired","metadata":\#(metadata)}"#,
                [("X-FormBridge-Signature", "sha256=x")]))
        #expect(made.data["payload"]?["expiredAfterMs"] == .number(JSONNumber(0)))
        #expect(made.data["agent_id"] == .string("external"))
    }

    // MARK: Generic

    @Test func `the seed's generic example is a custom event`() throws {
        let made = try event(
            message(
                #"""
                {"source":"generic","event":"custom","data":{"eventType":"custom","type":"deployment",
                "data":{"version":"2.0.0"}},"context":{"agentlens_session_id":"sess_01HXYZ","agent_id":"deploy-bot"}}
                """#))
        #expect(made.type == "custom")
        #expect(made.data["agent_id"] == .string("deploy-bot"))
        #expect(
            made.data["payload"].map { String(decoding: $0.bytes, as: UTF8.self) }
                == #"{"type":"deployment","data":{"version":"2.0.0"}}"#)
    }

    @Test func `a generic event without the inner form is kept whole`() throws {
        let made = try event(message(#"{"source":"generic","event":"x","data":{"a":{"b":[1.50]}}}"#))
        #expect(made.type == "custom")
        let inner = made.data["payload"]?["data"].map { String(decoding: $0.bytes, as: UTF8.self) }
        #expect(inner == #"{"a":{"b":[1.50]}}"#)
        let own = try event(message(#"{"source":"generic","event":"x","data":{"eventType":"deploy.done"}}"#))
        #expect(own.type == "deploy.done")
    }

    @Test(arguments: [
        "approval_granted", "form_completed", "run.completed", "agent.run.queued", "webhook.test",
        "webhook.stripe.paid", "github.push", "lark.im", "memory.stored", "agentgate", "not a type", "", "a..b",
    ]) func `nobody forges what only a verified sender may say`(type: String) {
        let refused = refusal {
            _ = try event(message(#"{"source":"generic","event":"x","data":{"eventType":"\#(type)"}}"#))
        }
        #expect(refused?.status == 400)
        #expect(refused?.reason == .unknownEvent)
    }

    // MARK: What is missing

    @Test(arguments: [
        (#"{"source":"agentgate","data":{}}"#, ProductRefusal.Reason.event),
        (#"{"source":"agentgate","event":"","data":{}}"#, .event),
        (#"{"source":"agentgate","event":"request.created"}"#, .data),
        (#"{"source":"agentgate","event":"request.created","data":[]}"#, .data),
        (#"{"source":"agentgate","event":"request.created","data":{"id":1,"id":2}}"#, .data),
        (#"{"source":"agentgate","event":"submission.created","data":{}}"#, .unknownEvent),
        (#"{"source":"formbridge","event":"request.created","data":{}}"#, .unknownEvent),
        (#"{"source":"formbridge"}"#, .event),
    ]) func `what is missing or unknown is 400`(body: String, reason: ProductRefusal.Reason) {
        let refused = refusal { _ = try event(message(body)) }
        #expect(refused?.status == 400)
        #expect(refused?.reason == reason)
    }
}
