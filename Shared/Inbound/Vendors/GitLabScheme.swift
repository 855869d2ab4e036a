internal import Crypto

/// GitLab (docs.gitlab.com, "Webhooks"): since 19.0 Standard Webhooks with a signing token, before that a secret that is
/// sent as it is. A signature that is present and wrong never falls back to the secret.
struct GitLabScheme: InboundScheme {
    private let signatures: StandardSignature
    private let tokens: [String]
    private let requiresSignature: Bool

    init(_ config: InboundConfig, _ secrets: [InboundSecrets]) {
        signatures = StandardSignature(
            secrets: secrets.flatMap { $0.all("signing_tokens") }, tolerance: config.tolerance)
        tokens = secrets.flatMap { $0.all("secret_token") }
        requiresSignature = config.requiresSignature
    }

    func open(_ request: InboundRequest, now: Int64) throws(InboundRefusal) -> InboundOutcome {
        var age: Int64?
        if !signatures.hasNoKeys, request.headers.count(of: "webhook-signature") > 0 {
            age = try signatures.check(request, prefix: "webhook", now: now)
        } else {
            guard !requiresSignature, !tokens.isEmpty else {
                throw InboundRefusal(signatures.hasNoKeys && tokens.isEmpty ? .noSecret : .missingSignature)
            }
            guard let token = try request.credential("X-Gitlab-Token") else { throw InboundRefusal(.missingSignature) }
            guard PlainSecret.isAmong(Array(token), tokens) else { throw InboundRefusal(.tokenMismatch) }
        }
        var event = try Self.event(request)
        event.age = age
        return .event(event)
    }

    static func event(_ request: InboundRequest) throws(InboundRefusal) -> InboundEvent {
        // A custom template may make any JSON of an event.
        let fields = try PayloadFields(anyJSON: request.body, ["object_kind", "object_attributes", "event_name"])
        let attributes = try fields.object("object_attributes", ["action", "noteable_type"])
        let (words, name, action) = Self.names(request, fields, attributes)
        // `webhook-id` and `Idempotency-Key` stay the same when GitLab sends again; its two UUID headers do not.
        let delivery = request.header("webhook-id") ?? request.header("Idempotency-Key")
        let key = delivery ?? "\(name):\(SHA256.hash(request.body).hex)"
        return InboundEvent(
            type: EventNaming.type(words), name: name, action: action, deliveryID: delivery,
            dedupeKey: "gitlab:\(key)", payload: request.body, age: nil, answer: .empty)
    }

    private static func names(
        _ request: InboundRequest, _ fields: PayloadFields, _ attributes: PayloadFields?
    ) -> (words: [String?], name: String, action: String?) {
        if let kind = fields.text("object_kind") {
            // A note's action says nothing; what it is on does.
            if kind == "note" { return (["gitlab", kind], kind, attributes?.text("noteable_type")) }
            let action = attributes?.text("action")
            return (["gitlab", kind, action], kind, action)
        }
        if let event = fields.text("event_name") { return (["gitlab", "system", event], event, nil) }
        let header = request.header("X-Gitlab-Event") ?? ""
        let name = EventNaming.hookName(header)
        return (["gitlab", name], name, nil)
    }
}

extension EventNaming {
    /// `Merge Request Hook` → `merge_request`; `received` where nothing is left.
    static func hookName(_ header: String) -> String {
        let words = header.split(separator: " ").map { $0.lowercased() }.filter { $0 != "hook" }
        return slug(words.joined(separator: "_"), room: 64)
    }
}
