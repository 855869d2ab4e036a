import EventCodec
import EventModel
import Inbound
import Testing

/// A sample is named by what it looks like, and has what its vendor writes into it.
@Suite struct SampleHintTests {
    private let now = Timestamp(seconds: 1_780_000_000)

    private struct Case: Sendable, CustomTestStringConvertible {
        let kind: InboundKind
        let body: String
        let type: String
        var secrets: String?
        var config = "{}"
        var testDescription: String { "\(kind.name) \(config) \(secrets ?? "")" }
    }

    private static let push = #"{"ref":"refs/heads/main","commits":[]}"#
    private static let lark2 =
        #"{"schema":"2.0","header":{"event_id":"e1","event_type":"im.message.receive_v1","app_id":"a"},"event":{}}"#
    private static let lark1 = #"{"uuid":"u1","type":"event_callback","event":{"type":"message","app_id":"a"}}"#
    private static let key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"

    private static let cases = [
        Case(kind: .channel(.github), body: push, type: "github.push"),
        Case(
            kind: .channel(.github), body: #"{"action":"opened","pull_request":{}}"#, type: "github.pull_request.opened"
        ),
        Case(kind: .channel(.gitlab), body: #"{"object_kind":"push"}"#, type: "gitlab.push"),
        Case(
            kind: .channel(.gitlab), body: #"{"object_kind":"merge_request","object_attributes":{"action":"open"}}"#,
            type: "gitlab.merge_request.open", config: #"{"require_signature":true}"#),
        Case(kind: .channel(.gitee), body: #"{"hook_name":"push_hooks"}"#, type: "gitee.push"),
        Case(
            kind: .channel(.gitee), body: #"{"hook_name":"push_hooks"}"#, type: "gitee.push",
            config: #"{"mode":"password"}"#),
        Case(kind: .channel(.gerrit), body: #"{"type":"change-merged"}"#, type: "gerrit.change-merged"),
        Case(
            kind: .channel(.gerrit), body: #"{"type":"change-merged"}"#, type: "gerrit.change-merged",
            secrets: #"{"basic":{"user":"gerrit","password":"p:w"}}"#,
            config: #"{"origin_url":"https://g.example.com/"}"#),
        Case(kind: .channel(.lark), body: lark2, type: "lark.im.message.receive_v1"),
        Case(kind: .channel(.lark), body: lark1, type: "lark.message"),
        Case(
            kind: .channel(.lark), body: lark2, type: "lark.im.message.receive_v1",
            secrets: #"{"encrypt_key":"ek","verification_token":"vt"}"#),
        Case(kind: .channel(.lark), body: lark1, type: "lark.message", secrets: #"{"encrypt_key":"ek"}"#),
        Case(
            kind: .channel(.wecom), body: "<xml><MsgType>text</MsgType><MsgId>7</MsgId></xml>", type: "wecom.text",
            secrets: #"{"token":"t","encoding_aes_key":"\#(key)","receive_id":["corp"]}"#),
        Case(
            kind: .channel(.wecom), body: #"{"msgid":"1","msgtype":"text","aibotid":"b"}"#, type: "wecom.aibot.text",
            secrets: #"{"token":"t","encoding_aes_key":"\#(key)","receive_id":""}"#),
        Case(
            kind: .channel(.agentgate), body: #"{"event":"request.created","data":{}}"#,
            type: "agentgate.request.created"),
        Case(
            kind: .channel(.formbridge), body: #"{"event":"submission.created","data":{}}"#,
            type: "formbridge.submission.created"),
        Case(kind: .preset(.combo), body: #"{"type":"a.b"}"#, type: "webhook.generic.a_b"),
        Case(
            kind: .preset(.stripe), body: #"{"id":"evt_1","type":"charge.succeeded"}"#,
            type: "webhook.stripe.charge_succeeded"),
        Case(
            kind: .preset(.slack), body: #"{"type":"event_callback","event_id":"E1","event":{"type":"app_mention"}}"#,
            type: "webhook.slack.app_mention"),
        Case(kind: .preset(.shopify), body: "{}", type: "webhook.shopify.orders_create"),
        Case(
            kind: .preset(.standardWebhooks), body: #"{"type":"contact.created"}"#,
            type: "webhook.standard_webhooks.contact_created"),
        Case(kind: .preset(.svix), body: #"{"type":"contact.created"}"#, type: "webhook.svix.contact_created"),
        Case(kind: .preset(.gitea), body: push, type: "webhook.gitea.push"),
        Case(kind: .preset(.githubLike), body: push, type: "webhook.github_like.push"),
        Case(
            kind: .preset(.githubLike), body: push, type: "webhook.github_like.push",
            config: #"{"signature_header":"X-Sig","signature_prefix":"","event_header":"X-Ev","id_header":"X-Id"}"#),
    ]

    private func secrets(_ one: Case, _ config: InboundConfig) throws -> InboundSecrets {
        try InboundSecrets(
            one.secrets.map { try JSONFields(body: Array($0.utf8)) }, kind: one.kind, config: config)
    }

    private func outcome(
        _ request: InboundSample, _ one: Case, _ config: InboundConfig, _ secrets: InboundSecrets
    ) throws -> InboundOutcome {
        try InboundVerifier(kind: one.kind, config: config, secrets: [secrets]).open(
            InboundRequest(
                method: .post, headers: TestHeaders(request.headers),
                query: request.query, body: request.body), now: now)
    }

    @Test(arguments: cases) private func `the verifier of the same kind takes it`(one: Case) throws {
        let config = try InboundConfig(json: Array(one.config.utf8), kind: one.kind)
        let secrets = try secrets(one, config)
        let signer = InboundSigner(kind: one.kind, config: config, secrets: secrets)
        let request = try signer.sign(Array(one.body.utf8), id: "sample-1", now: now)
        guard case .event(let event) = try outcome(request, one, config, secrets) else {
            Issue.record("a challenge")
            return
        }
        #expect(event.type.text == one.type)
    }

    @Test func `a delivery's id and event are the caller's`() throws {
        let kind = InboundKind.channel(.github)
        let config = InboundConfig(kind: kind)
        let secrets = try InboundSecrets(nil, kind: kind, config: config)
        let request = try InboundSigner(kind: kind, config: config, secrets: secrets).sign(
            Array("{}".utf8), event: "star", id: "guid", now: now)
        let headers = Dictionary(request.headers.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
        #expect(headers["X-GitHub-Event"] == "star")
        #expect(headers["X-GitHub-Delivery"] == "guid")
    }
}
