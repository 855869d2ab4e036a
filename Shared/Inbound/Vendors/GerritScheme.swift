internal import Crypto
internal import Encodings

/// Gerrit's webhooks plugin signs nothing: a token in the URL or Basic authentication is all there is. Its client sends
/// credentials only after a 401 with a challenge, so every refusal carries one.
struct GerritScheme: InboundScheme {
    private let tokens: [String]
    private let credentials: [String]
    private let maximumAge: Int64?
    private let origin: String?

    init(_ config: InboundConfig, _ secrets: [InboundSecrets]) {
        tokens = secrets.compactMap { $0.first("url_token") }
        credentials = secrets.compactMap { secret in
            let basic = secret.all("basic")
            return basic.count == 2 ? "\(basic[0]):\(basic[1])" : nil
        }
        maximumAge = config.maximumEventAge
        origin = config.originURL
    }

    func open(_ request: InboundRequest, now: Int64) throws(InboundRefusal) -> InboundOutcome {
        guard isKnown(request) else { throw InboundRefusal(.unauthorized) }
        if let origin, request.header("X-Origin-Url") != origin { throw InboundRefusal(.unexpectedOrigin) }
        let event = try Self.event(request)
        if let maximumAge {
            let fields = try PayloadFields(request.body, ["eventCreatedOn"])
            guard let created = fields.textOrNumber("eventCreatedOn").flatMap({ Freshness.seconds($0) }) else {
                throw InboundRefusal(.malformedBody)
            }
            _ = try Freshness.check(seconds: created, now: now, tolerance: maximumAge)
        }
        return .event(event)
    }

    private func isKnown(_ request: InboundRequest) -> Bool {
        if let token = request.parameter("token"), PlainSecret.isAmong(Array(token.utf8), tokens) { return true }
        guard let header = request.header("Authorization"), header.count > 6,
            header.prefix(6).lowercased() == "basic ",
            let given = Base64.decode(String(header.dropFirst(6).drop { $0 == " " }))
        else { return false }
        return PlainSecret.isAmong(given, credentials)
    }

    static func event(_ request: InboundRequest) throws(InboundRefusal) -> InboundEvent {
        let fields = try PayloadFields(request.body, ["type"])
        let name = fields.text("type") ?? "received"
        // A retry is the same bytes; there is no id.
        let origin = request.header("X-Origin-Url") ?? ""
        let digest = SHA256.hash(Array("\(origin)\n".utf8) + request.body).hex
        return InboundEvent(
            type: EventNaming.type(["gerrit", name]), name: name, action: nil, deliveryID: nil,
            dedupeKey: "gerrit:\(digest)", payload: request.body, age: nil, answer: .receipt)
    }
}
