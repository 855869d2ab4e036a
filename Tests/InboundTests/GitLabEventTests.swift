import EventModel
import Testing

@testable import Inbound

@Suite struct GitLabEventTests {
    private func event(_ body: String, _ header: String = "Merge Request Hook") throws -> InboundEvent {
        let headers = TestHeaders([("X-Gitlab-Event", header), ("X-Gitlab-Token", "t")])
        let kind = InboundKind.channel(.gitlab)
        let secrets = try InboundSecrets(json: Array(#"{"secret_token":"t"}"#.utf8), kind: kind)
        let verifier = InboundVerifier(kind: kind, config: InboundConfig(kind: kind), secrets: [secrets])
        let request = InboundRequest(method: .post, headers: headers, body: Array(body.utf8))
        guard case .event(let event) = try verifier.open(request, now: Timestamp(seconds: 1_780_000_000)) else {
            throw InboundRefusal(.malformedBody)
        }
        return event
    }

    @Test(arguments: [
        (#"{"object_kind":"merge_request","object_attributes":{"action":"open"}}"#, "gitlab.merge_request.open"),
        (#"{"object_kind":"push","event_name":"push"}"#, "gitlab.push"),
        (#"{"object_kind":"pipeline","object_attributes":{"status":"success"}}"#, "gitlab.pipeline"),
        (#"{"object_kind":"note","object_attributes":{"action":"create","noteable_type":"Issue"}}"#, "gitlab.note"),
        (#"{"event_name":"project_create"}"#, "gitlab.system.project_create"),
        (#"{"text":"mine"}"#, "gitlab.merge_request"),
        (#"["a template of one's own"]"#, "gitlab.merge_request"), (#""text""#, "gitlab.merge_request"),
    ])
    func `an event is named by what GitLab says of it`(_ body: String, _ type: String) throws {
        #expect(try event(body).type.text == type)
    }

    @Test func `what is no JSON is refused even of a known sender`() {
        let refusal = #expect(throws: InboundRefusal.self) { try event("text") }
        #expect(refusal?.status == 400)
    }

    @Test func `without an id the body is the key`() throws {
        let (first, second) = (try event(#"{"a":1}"#), try event(#"{"a":2}"#))
        #expect(first.dedupeKey != second.dedupeKey)
        #expect(try event(#"{"a":1}"#).dedupeKey == first.dedupeKey)
    }
}
