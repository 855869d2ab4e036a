internal import Crypto
internal import EventCodec

/// Slack (api.slack.com, "Verifying requests from Slack"): `X-Slack-Signature: v0=<hex HMAC-SHA256 of v0:timestamp:body>`.
/// A challenge is signed like everything else. Answers are empty: Slack shows a command's answer to its user.
struct SlackScheme: InboundScheme {
    private let keys: KeySet
    private let tolerance: Int64

    init(_ secrets: [String], tolerance: Int64) {
        keys = KeySet(utf8: secrets)
        self.tolerance = tolerance
    }

    func open(_ request: InboundRequest, now: Int64) throws(InboundRefusal) -> InboundOutcome {
        let age = try check(request, now: now)
        var name: String?
        var id: String?
        if !request.isForm {
            let fields = try PayloadFields(request.body, ["type", "challenge", "event", "event_id"])
            if fields.text("type") == "url_verification" {
                guard let challenge = fields.text("challenge") else { throw InboundRefusal(.malformedBody) }
                var writer = JSONWriter()
                writer.object { $0.member("challenge", challenge) }
                return .challenge(.json(writer.bytes))
            }
            name = try fields.object("event", ["type"])?.text("type")
            id = fields.text("event_id")
        } else if let form = FormBody(request.body) {
            // A slash command has its name in a field, and a trigger's id that no other call has.
            if form["command"] != nil { name = "command" }
            id = form["trigger_id"].map { String(decoding: $0, as: UTF8.self) }
        }
        var event = try GenericEvent.event(
            request, preset: .slack, name: name, id: id, redacting: ["token"], answer: .empty)
        event.age = age
        return .event(event)
    }

    private func check(_ request: InboundRequest, now: Int64) throws(InboundRefusal) -> Int64 {
        guard !keys.isEmpty else { throw InboundRefusal(.noSecret) }
        guard let signature = try request.credential("X-Slack-Signature"),
            let timestamp = try request.credentialText("X-Slack-Request-Timestamp")
        else { throw InboundRefusal(.missingSignature) }
        guard signature.starts(with: "v0=".utf8) else { throw InboundRefusal(.malformedHeader) }
        let digest = SHA256Digest(hexBytes: signature.dropFirst(3))
        guard keys.accept(digest, head: Array("v0:\(timestamp):".utf8), body: request.body) else {
            throw InboundRefusal(.signatureMismatch)
        }
        return try Freshness.check(timestamp, now: now, tolerance: tolerance)
    }
}
