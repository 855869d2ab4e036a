/// A vendor whose webhooks have a door of their own, `/v1/webhook/{channel}`.
public enum InboundChannel: String, CaseIterable, Hashable, Sendable {
    case lark, wecom, gerrit, gitlab, github, gitee, agentgate, formbridge
}

/// How the senders of a generic trigger sign.
public enum InboundPreset: String, CaseIterable, Hashable, Sendable {
    /// The platform's own scheme: `X-Combo-Signature` over `timestamp.body`.
    case combo
    case stripe, slack, shopify
    case standardWebhooks = "standard_webhooks"
    case svix
    /// Gitea, Forgejo and Gogs.
    case gitea
    /// A hex HMAC-SHA256 of the body in one header, `X-Hub-Signature-256` unless the configuration names another.
    case githubLike = "github_like"
}

/// What a sender speaks: decides which secrets and settings an integration or trigger has and how a request is verified.
public enum InboundKind: Hashable, Sendable {
    case channel(InboundChannel)
    case preset(InboundPreset)

    /// The name of the channel or preset.
    public var name: String {
        switch self {
        case .channel(let channel): channel.rawValue
        case .preset(let preset): preset.rawValue
        }
    }

    /// Media types that such a sender may write; empty: any. A request without a type is taken as the vendor's usual one.
    public var mediaTypes: [StaticString] {
        switch self {
        case .channel(.github), .channel(.gitee), .preset(.slack), .preset(.gitea), .preset(.githubLike):
            ["application/json", "application/x-www-form-urlencoded"]
        // Chosen by the first byte: the type that WeCom declares depends on the kind of app.
        case .channel(.wecom): []
        default: ["application/json"]
        }
    }

    /// The longest body, in bytes, unless `config.body_limit_bytes` says otherwise (`contracts.md` §9).
    public var defaultBodyLimit: Int {
        switch self {
        case .channel(.github): InboundConfig.largestBody
        default: 1 << 20
        }
    }

    /// Whether bodies are encrypted without authentication (AES-CBC): then every failure must look the same, or the door
    /// is an oracle.
    public var hidesFailures: Bool { self == .channel(.lark) || self == .channel(.wecom) }
}
