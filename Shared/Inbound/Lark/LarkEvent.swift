internal import EventCodec

/// The plain JSON of a Lark event, of schema 1.0 (`uuid`, `token`, `event.type`) or 2.0 (`header`).
enum LarkEvent {
    private static let top: [StaticString] = ["type", "challenge", "token", "uuid", "header", "event"]
    private static let header: [StaticString] = ["event_id", "event_type", "token", "app_id"]

    static func isChallenge(_ body: [UInt8]) throws(InboundRefusal) -> Bool {
        try PayloadFields(body, top).text("type") == "url_verification"
    }

    /// The answer to a challenge; nil where this is none.
    static func challenge(_ body: [UInt8]) throws(InboundRefusal) -> InboundAnswer? {
        let fields = try PayloadFields(body, top)
        guard fields.text("type") == "url_verification" else { return nil }
        guard let challenge = fields.text("challenge") else { throw InboundRefusal(.malformedBody) }
        var writer = JSONWriter()
        writer.object { $0.member("challenge", challenge) }
        return .json(writer.bytes)
    }

    static func token(_ body: [UInt8]) throws(InboundRefusal) -> String? {
        let fields = try PayloadFields(body, top)
        return try fields.object("header", header)?.text("token") ?? fields.text("token")
    }

    static func read(_ body: [UInt8], answer: [UInt8]?) throws(InboundRefusal) -> InboundEvent {
        let fields = try PayloadFields(body, top)
        let second = try fields.object("header", header)
        let first = try fields.object("event", ["type", "app_id"])
        let name = second?.text("event_type") ?? first?.text("type") ?? fields.text("type") ?? "received"
        let id = second?.text("event_id") ?? fields.text("uuid")
        let app = second?.text("app_id") ?? first?.text("app_id") ?? ""
        let secrets = fields.secrets(["token"]) + (second?.secrets(["token"]) ?? [])
        return InboundEvent(
            type: EventNaming.type(["lark", name]), name: name, action: nil, deliveryID: id,
            dedupeKey: id.map { "lark:\(app):\($0)" }, payload: Redaction.apply(secrets, to: body), age: nil,
            // What the vendor's SDKs answer.
            answer: .json(answer ?? Array(#"{"msg":"success"}"#.utf8)))
    }
}
