internal import Crypto
internal import Encodings

/// GitHub (docs.github.com, "Validating webhook deliveries"): `X-Hub-Signature-256` is `sha256=` and the hex HMAC-SHA256 of
/// the raw body, whatever its media type. No time is signed.
struct GitHubScheme: InboundScheme {
    private let keys: KeySet
    /// For `X-Hub-Signature`, which only old servers send alone; empty unless `allow_sha1`.
    private let legacySecrets: [[UInt8]]

    init(_ config: InboundConfig, _ secrets: [InboundSecrets]) {
        let texts = secrets.flatMap { $0.all("webhook_secrets") }
        keys = KeySet(utf8: texts)
        legacySecrets = config.allowsSHA1 ? texts.filter { !$0.isEmpty }.map { Array($0.utf8) } : []
    }

    func open(_ request: InboundRequest, now: Int64) throws(InboundRefusal) -> InboundOutcome {
        guard !keys.isEmpty else { throw InboundRefusal(.noSecret) }
        if let header = try request.credential("X-Hub-Signature-256") {
            guard header.starts(with: "sha256=".utf8) else { throw InboundRefusal(.malformedHeader) }
            guard header.count > 7 else { throw InboundRefusal(.missingSignature) }
            guard keys.accept(SHA256Digest(hexBytes: header.dropFirst(7)), body: request.body) else {
                throw InboundRefusal(.signatureMismatch)
            }
        } else {
            guard !legacySecrets.isEmpty, let header = try request.credentialText("X-Hub-Signature") else {
                throw InboundRefusal(.missingSignature)
            }
            try checkLegacy(header, request.body)
        }
        return .event(try Self.event(request))
    }

    private func checkLegacy(_ header: String, _ body: [UInt8]) throws(InboundRefusal) {
        guard header.hasPrefix("sha1="), let given = Hex.decode(String(header.dropFirst(5))) else {
            throw InboundRefusal(.malformedHeader)
        }
        var isValid = false
        for secret in legacySecrets
        where ConstantTime.areEqual(SHA1.authenticationCode(for: body, key: secret), given) {
            isValid = true
        }
        guard isValid else { throw InboundRefusal(.signatureMismatch) }
    }

    static func event(_ request: InboundRequest) throws(InboundRefusal) -> InboundEvent {
        let payload = try HookBody.payload(request)
        let fields = try PayloadFields(payload, ["action"])
        let name = request.header("X-GitHub-Event") ?? "received"
        let action = fields.text("action")
        let delivery = request.header("X-GitHub-Delivery")
        // The GUID is shared by all hooks that subscribe to the event, so the hook is part of the key.
        let scope = request.header("X-GitHub-Hook-ID") ?? ""
        return InboundEvent(
            type: EventNaming.type(["github", name, action]), name: name, action: action, deliveryID: delivery,
            dedupeKey: delivery.map { "github:\(scope):\($0)" }, payload: payload, age: nil, answer: .receipt)
    }
}

/// The JSON of a hook that may come as a form: its field `payload`, or the body itself.
enum HookBody {
    static func payload(_ request: InboundRequest) throws(InboundRefusal) -> [UInt8] {
        guard request.isForm else { return request.body }
        guard let payload = FormBody(request.body)?["payload"] else { throw InboundRefusal(.malformedBody) }
        return payload
    }
}
