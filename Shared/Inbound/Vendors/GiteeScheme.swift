internal import Crypto
internal import Encodings
internal import EventCodec

/// Gitee (help.gitee.com, "WebHook push data format"): `X-Gitee-Token` is the base64 HMAC-SHA256 of timestamp, line feed and
/// secret, or the secret itself. Neither covers the body, so whoever has seen one request may forge others until its
/// timestamp is stale.
struct GiteeScheme: InboundScheme {
    private let secrets: [String]
    private let mode: InboundConfig.GiteeMode
    private let tolerance: Int64

    init(_ config: InboundConfig, _ secrets: [InboundSecrets]) {
        self.secrets = secrets.flatMap { $0.all("secret") }
        mode = config.giteeMode
        tolerance = config.tolerance
    }

    func open(_ request: InboundRequest, now: Int64) throws(InboundRefusal) -> InboundOutcome {
        guard let token = try request.credential("X-Gitee-Token") else { throw InboundRefusal(.missingSignature) }
        switch mode {
        case .password:
            guard PlainSecret.isAmong(Array(token), secrets) else { throw InboundRefusal(.tokenMismatch) }
            return .event(try Self.event(request))
        case .signature:
            guard let timestamp = try request.credentialText("X-Gitee-Timestamp") else {
                throw InboundRefusal(.missingSignature)
            }
            // The documentation encodes the value once more for the URL, real deliveries do not.
            let text = PercentText.decode(token, plusIsSpace: false).map { String(decoding: $0, as: UTF8.self) } ?? ""
            guard isSignature(text, of: timestamp) else { throw InboundRefusal(.signatureMismatch) }
            guard let milliseconds = Freshness.seconds(timestamp) else { throw InboundRefusal(.malformedHeader) }
            let age = try Freshness.check(seconds: milliseconds / 1_000, now: now, tolerance: tolerance)
            var event = try Self.event(request)
            event.age = age
            return .event(event)
        }
    }

    private func isSignature(_ text: String, of timestamp: String) -> Bool {
        guard let given = SHA256Digest(base64: text) else { return false }
        var isValid = false
        // The secret is in the message too, so there is a message for each.
        for secret in secrets where !secret.isEmpty {
            let key = HMACKey(Array(secret.utf8))
            if key.isValid(given, for: Array("\(timestamp)\n\(secret)".utf8)) { isValid = true }
        }
        return isValid
    }

    static func event(_ request: InboundRequest) throws(InboundRefusal) -> InboundEvent {
        let body = try HookBody.payload(request)
        let fields = try PayloadFields(body, ["hook_name", "hook_id", "action", "password", "sign"])
        let name =
            fields.text("hook_name").map { $0.hasSuffix("_hooks") ? String($0.dropLast(6)) : $0 }
            ?? EventNaming.hookName(request.header("X-Gitee-Event") ?? "")
        let action = fields.text("action")
        let scope = fields.textOrNumber("hook_id") ?? ""
        return InboundEvent(
            type: EventNaming.type(["gitee", name, action]), name: name, action: action, deliveryID: nil,
            dedupeKey: "gitee:\(scope):\(digest(of: body))",
            payload: Redaction.apply(fields.secrets(["password", "sign"]), to: body), age: nil, answer: .receipt)
    }

    /// Gitee gives no id, and a resend may be signed anew: so the hash of what it says, without how it is signed, in the
    /// one form that JSON has (keys in order, no white space).
    private static func digest(of body: [UInt8]) -> String {
        guard let value = try? JSONValue(parsing: body, limits: JSONLimits(bytes: InboundConfig.largestBody)),
            case .object(let members) = value
        else { return SHA256.hash(body).hex }
        let signing: Set = ["timestamp", "sign", "password", "hook_url"]
        return SHA256.hash(JSONValue.object(members.filter { !signing.contains($0.key) }).canonical.bytes).hex
    }
}

extension JSONValue {
    /// With the members of every object in the order of their keys' UTF-8.
    fileprivate var canonical: JSONValue {
        switch self {
        case .object(let members):
            let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            return .object(sorted.map { Member($0.key, $0.value.canonical) })
        case .array(let elements): return .array(elements.map(\.canonical))
        default: return self
        }
    }
}
