internal import Crypto
internal import Encodings
public import EventModel

/// Signs bodies as the vendors do: to try a door out, and for tests and benchmarks.
///
///     let signer = InboundSigner(kind: .channel(.github), config: config, secrets: secrets)
///     let sample = try signer.sign(body, event: "push", now: clock.now())
public struct InboundSigner: Sendable {
    private let kind: InboundKind
    private let config: InboundConfig
    private let secrets: InboundSecrets

    public init(kind: InboundKind, config: InboundConfig, secrets: InboundSecrets) {
        self.kind = kind
        self.config = config
        self.secrets = secrets
    }

    /// - Parameters:
    ///   - event: What the vendor's header calls the event, where it has one; nil: what the body looks like.
    ///   - id: The delivery's id; nil: a new one.
    ///   - type: The media type; nil: the vendor's usual one.
    /// - Throws: `InboundSigner.Failure` where a secret is missing.
    public func sign(
        _ body: [UInt8], event: String? = nil, id: String? = nil, type: String? = nil, now: Timestamp
    ) throws(Failure) -> InboundSample {
        let seconds = now.microseconds / 1_000_000
        let draft = Draft(body: body, event: event, id: id ?? Self.newID(), seconds: seconds)
        var sample =
            switch kind {
            case .channel where config.usesCombo: try combo(draft)
            case .channel(let channel): try sign(draft, channel)
            case .preset(let preset): try sign(draft, preset)
            }
        let usual = sample.body.first == UInt8(ascii: "<") ? "text/xml" : "application/json"
        sample.headers.insert(("Content-Type", type ?? usual), at: 0)
        return sample
    }

    /// There is no secret to sign with, or it is not of the form that the vendor demands.
    public struct Failure: Error, Hashable, Sendable {
        /// The name under `secrets`.
        public var secret: String
    }

    struct Draft {
        let body: [UInt8]
        let event: String?
        let id: String
        let seconds: Int64
    }

    private static func newID() -> String { SHA256.hash(SecureRandom.bytes(16)).hex.prefix(32).description }

    private func secret(_ name: String) throws(Failure) -> String {
        guard let text = secrets.first(name) else { throw Failure(secret: name) }
        return text
    }

    private func code(_ message: [UInt8]) throws(Failure) -> SHA256Digest { try code("secrets", message) }

    private func code(_ name: String, _ message: [UInt8]) throws(Failure) -> SHA256Digest {
        HMACKey(Array(try secret(name).utf8)).authenticationCode(for: message)
    }

    // MARK: Channels

    private func sign(_ draft: Draft, _ channel: InboundChannel) throws(Failure) -> InboundSample {
        switch channel {
        case .github:
            let code = try code("webhook_secrets", draft.body).hex
            return InboundSample(
                [
                    ("X-GitHub-Event", draft.event ?? SampleHint(draft.body).github),
                    ("X-GitHub-Delivery", draft.id), ("X-GitHub-Hook-ID", "1"),
                    ("X-Hub-Signature-256", "sha256=\(code)"),
                ], draft.body)
        case .gitlab: return try gitlab(draft)
        case .gitee:
            let secret = try secret("secret")
            let time = "\(draft.seconds * 1_000)"
            let token =
                config.giteeMode == .password
                ? secret : try code("secret", Array("\(time)\n\(secret)".utf8)).base64
            return InboundSample(
                [
                    ("X-Gitee-Event", draft.event ?? SampleHint(draft.body).gitee), ("X-Gitee-Timestamp", time),
                    ("X-Gitee-Token", token),
                ], draft.body)
        case .gerrit: return try gerrit(draft)
        case .lark: return try lark(draft)
        case .wecom: return try wecom(draft)
        // Each in the header of its own, by which the door knows a body that does not say who sends.
        case .agentgate: return InboundSample([("X-AgentGate-Signature", try code(draft.body).hex)], draft.body)
        case .formbridge:
            return InboundSample([("X-FormBridge-Signature", "sha256=\(try code(draft.body).hex)")], draft.body)
        }
    }

    private func gitlab(_ draft: Draft) throws(Failure) -> InboundSample {
        let event = ("X-Gitlab-Event", draft.event ?? SampleHint(draft.body).gitlab)
        if secrets.first("signing_tokens") != nil {
            var sample = try standard(draft, "signing_tokens", prefix: "webhook")
            sample.headers += [event, ("Idempotency-Key", draft.id)]
            return sample
        }
        return InboundSample(
            [event, ("Idempotency-Key", draft.id), ("X-Gitlab-Token", try secret("secret_token"))], draft.body)
    }

    private func gerrit(_ draft: Draft) throws(Failure) -> InboundSample {
        let origin = ("X-Origin-Url", config.originURL ?? "https://gerrit.example.com/")
        let basic = secrets.all("basic")
        if basic.count == 2 {
            let value = "Basic \(Base64.encode(Array("\(basic[0]):\(basic[1])".utf8)))"
            return InboundSample([origin, ("Authorization", value)], draft.body)
        }
        var sample = InboundSample([origin], draft.body)
        sample.query = [("token", try secret("url_token"))]
        return sample
    }

    private func lark(_ draft: Draft) throws(Failure) -> InboundSample {
        // Lark writes the token into the body.
        let plain = secrets.first("verification_token").flatMap { SampleHint.larkBody(draft.body, token: $0) }
        let event = plain ?? draft.body
        guard let key = secrets.first("encrypt_key") else { return InboundSample([], event) }
        guard
            let encrypted = try? LarkCipher(encryptKey: key).encrypt(event, vector: SecureRandom.bytes(16))
        else { throw Failure(secret: "encrypt_key") }
        let body = Array(#"{"encrypt":"\#(encrypted)"}"#.utf8)
        let digest = LarkSignature.digest(
            timestamp: "\(draft.seconds)", nonce: draft.id, encryptKey: key, body: body)
        return InboundSample(
            [
                ("X-Lark-Request-Timestamp", "\(draft.seconds)"), ("X-Lark-Request-Nonce", draft.id),
                ("X-Lark-Signature", digest.hex),
            ], body)
    }

    private func wecom(_ draft: Draft) throws(Failure) -> InboundSample {
        guard let key = WeComKey(try secret("encoding_aes_key")),
            let encrypted = try? WeComCipher(key).encrypt(
                draft.body, receiver: secrets.first("receive_id") ?? "", random: SecureRandom.bytes(16))
        else { throw Failure(secret: "encoding_aes_key") }
        let (time, nonce) = ("\(draft.seconds)", String(draft.id.prefix(10)))
        let digest = WeComSignature.digest(
            token: try secret("token"), timestamp: time, nonce: nonce, encrypted: encrypted)
        let isJSON = draft.body.first == 0x7B
        let envelope =
            isJSON ? #"{"encrypt":"\#(encrypted)"}"# : "<xml><Encrypt><![CDATA[\(encrypted)]]></Encrypt></xml>"
        var sample = InboundSample([], Array(envelope.utf8))
        sample.query = [("msg_signature", Hex.encode(digest)), ("timestamp", time), ("nonce", nonce)]
        return sample
    }

    // MARK: Presets

    private func sign(_ draft: Draft, _ preset: InboundPreset) throws(Failure) -> InboundSample {
        let time = "\(draft.seconds)"
        switch preset {
        case .combo: return try combo(draft)
        case .stripe:
            let code = try code(Array("\(time).".utf8) + draft.body).hex
            return InboundSample([("Stripe-Signature", "t=\(time),v1=\(code)")], draft.body)
        case .slack:
            let code = try code(Array("v0:\(time):".utf8) + draft.body).hex
            return InboundSample(
                [("X-Slack-Request-Timestamp", time), ("X-Slack-Signature", "v0=\(code)")], draft.body)
        case .shopify:
            return InboundSample(
                [
                    ("X-Shopify-Topic", draft.event ?? "orders/create"), ("X-Shopify-Webhook-Id", draft.id),
                    ("X-Shopify-Hmac-Sha256", try code(draft.body).base64),
                ], draft.body)
        case .standardWebhooks: return try standard(draft, "secrets", prefix: "webhook")
        case .svix: return try standard(draft, "secrets", prefix: "svix")
        case .gitea:
            return InboundSample(
                [
                    ("X-Gitea-Event", draft.event ?? SampleHint(draft.body).github),
                    ("X-Gitea-Delivery", draft.id), ("X-Gitea-Signature", try code(draft.body).hex),
                ], draft.body)
        case .githubLike:
            return InboundSample(
                [
                    (config.eventHeader, draft.event ?? "push"), (config.idHeader, draft.id),
                    (config.signatureHeader, "\(config.signaturePrefix)\(try code(draft.body).hex)"),
                ], draft.body)
        }
    }

    private func combo(_ draft: Draft) throws(Failure) -> InboundSample {
        guard let key = secrets.comboKeys.first else { throw Failure(secret: "secrets") }
        let message = Array("\(draft.seconds).".utf8) + draft.body
        let code = HMACKey(Array(key.utf8)).authenticationCode(for: message).hex
        return InboundSample(
            [
                ("X-Combo-Signature", "sha256=\(code)"), ("X-Combo-Timestamp", "\(draft.seconds)"),
                ("X-Combo-Event-Id", draft.id),
            ], draft.body)
    }

    private func standard(_ draft: Draft, _ name: String, prefix: String) throws(Failure) -> InboundSample {
        guard let key = StandardKey.decode(try secret(name)) else { throw Failure(secret: name) }
        let message = Array("\(draft.id).\(draft.seconds).".utf8) + draft.body
        return InboundSample(
            [
                ("\(prefix)-id", draft.id), ("\(prefix)-timestamp", "\(draft.seconds)"),
                ("\(prefix)-signature", "v1,\(HMACKey(key).authenticationCode(for: message).base64)"),
            ], draft.body)
    }
}
