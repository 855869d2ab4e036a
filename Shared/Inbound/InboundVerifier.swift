public import EventModel

/// Verifies the requests of one integration or trigger: over the raw bytes first, and only what is authentic is read.
/// Keys are prepared once, so whoever serves many requests keeps this, in a cache of bounded size.
///
///     let verifier = InboundVerifier(kind: .channel(.github), config: config, secrets: [newest, previous])
///     switch try verifier.open(request, now: clock.now()) {
///     case .event(let event): …
///     case .challenge(let answer): …
///     }
public struct InboundVerifier: Sendable {
    private let scheme: any InboundScheme

    /// - Parameter secrets: All that are in force: during a rotation the previous ones too.
    public init(kind: InboundKind, config: InboundConfig, secrets: [InboundSecrets]) {
        scheme = Self.scheme(kind, config, secrets)
    }

    /// - Throws: `InboundRefusal`.
    public func open(_ request: InboundRequest, now: Timestamp) throws(InboundRefusal) -> InboundOutcome {
        try scheme.open(request, now: now.microseconds / 1_000_000)
    }

    private static func scheme(
        _ kind: InboundKind, _ config: InboundConfig, _ secrets: [InboundSecrets]
    ) -> any InboundScheme {
        switch kind {
        case .channel(let channel):
            if config.usesCombo {
                return ComboScheme(keys: secrets.flatMap(\.comboKeys), tolerance: config.tolerance) {
                    (request) throws(InboundRefusal) in try Self.read(request, channel: channel)
                }
            }
            return switch channel {
            case .github: GitHubScheme(config, secrets)
            case .gitlab: GitLabScheme(config, secrets)
            case .gitee: GiteeScheme(config, secrets)
            case .gerrit: GerritScheme(config, secrets)
            case .lark: LarkScheme(config, secrets)
            case .wecom: WeComScheme(config, secrets)
            case .agentgate, .formbridge: ProductScheme(channel, secrets)
            }
        case .preset(let preset): return Self.scheme(preset, config, secrets)
        }
    }

    private static func scheme(
        _ preset: InboundPreset, _ config: InboundConfig, _ secrets: [InboundSecrets]
    ) -> any InboundScheme {
        let texts = secrets.flatMap { $0.all("secrets") }
        return switch preset {
        case .combo:
            ComboScheme(keys: texts, tolerance: config.tolerance) {
                (request) throws(InboundRefusal) in try GenericEvent.read(request, preset: .combo)
            }
        case .stripe: StripeScheme(texts, tolerance: config.tolerance)
        case .slack: SlackScheme(texts, tolerance: config.tolerance)
        case .shopify: ShopifyScheme(texts)
        case .standardWebhooks: StandardScheme(texts, tolerance: config.tolerance, preset: .standardWebhooks)
        case .svix: StandardScheme(texts, tolerance: config.tolerance, preset: .svix)
        case .gitea: GiteaScheme(texts)
        case .githubLike: GitHubLikeScheme(texts, config)
        }
    }

    /// The vendor's event in a request that somebody else has vouched for.
    private static func read(
        _ request: InboundRequest, channel: InboundChannel
    ) throws(InboundRefusal) -> InboundOutcome {
        switch channel {
        case .github: .event(try GitHubScheme.event(request))
        case .gitlab: .event(try GitLabScheme.event(request))
        case .gitee: .event(try GiteeScheme.event(request))
        case .gerrit: .event(try GerritScheme.event(request))
        case .lark: .event(try LarkEvent.read(request.body, answer: nil))
        case .wecom: .event(try WeComEvent.read(request.body, receiver: ""))
        case .agentgate, .formbridge: .event(try ProductScheme.event(request, channel))
        }
    }
}

/// One way to sign requests.
protocol InboundScheme: Sendable {
    /// - Parameter now: Unix seconds.
    func open(_ request: InboundRequest, now: Int64) throws(InboundRefusal) -> InboundOutcome
}
