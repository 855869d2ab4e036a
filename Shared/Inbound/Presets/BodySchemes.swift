internal import Crypto

/// Shopify (shopify.dev, "Verify webhook deliveries"): `X-Shopify-Hmac-Sha256`, the base64 HMAC-SHA256 of the body. No time
/// is signed, and a retry is the original payload.
struct ShopifyScheme: InboundScheme {
    private let keys: KeySet

    init(_ secrets: [String]) {
        keys = KeySet(utf8: secrets)
    }

    func open(_ request: InboundRequest, now: Int64) throws(InboundRefusal) -> InboundOutcome {
        guard !keys.isEmpty else { throw InboundRefusal(.noSecret) }
        guard let signature = try request.credentialText("X-Shopify-Hmac-Sha256") else {
            throw InboundRefusal(.missingSignature)
        }
        guard keys.accept(SHA256Digest(base64: signature), body: request.body) else {
            throw InboundRefusal(.signatureMismatch)
        }
        let id = request.header("X-Shopify-Webhook-Id") ?? request.header("X-Shopify-Event-Id")
        return .event(
            try GenericEvent.event(request, preset: .shopify, name: request.header("X-Shopify-Topic"), id: id))
    }
}

/// Gitea, Forgejo and Gogs (docs.gitea.com, "Webhooks"): the hex HMAC-SHA256 of the body, bare in their own header or behind
/// `sha256=` in GitHub's. Of a form the JSON is signed, not the form. A hook without a secret sends empty digests.
struct GiteaScheme: InboundScheme {
    private static let headers = [
        "X-Gitea-Signature", "X-Forgejo-Signature", "X-Gogs-Signature", "X-Hub-Signature-256",
    ]

    private let keys: KeySet

    init(_ secrets: [String]) {
        keys = KeySet(utf8: secrets)
    }

    func open(_ request: InboundRequest, now: Int64) throws(InboundRefusal) -> InboundOutcome {
        guard !keys.isEmpty else { throw InboundRefusal(.noSecret) }
        var signature: ArraySlice<UInt8>?
        for name in Self.headers where signature == nil {
            guard let value = try request.credential(name) else { continue }
            signature = value.starts(with: "sha256=".utf8) ? value.dropFirst(7) : value
        }
        guard let signature, !signature.isEmpty else { throw InboundRefusal(.missingSignature) }
        let signed = request.isForm ? (try? HookBody.payload(request)) ?? request.body : request.body
        guard keys.accept(SHA256Digest(hexBytes: signature), body: signed) else {
            throw InboundRefusal(.signatureMismatch)
        }
        func header(_ suffix: String) -> String? {
            for product in ["Gitea", "Forgejo", "Gogs", "GitHub"] {
                if let value = request.header("X-\(product)-\(suffix)") { return value }
            }
            return nil
        }
        return .event(
            try GenericEvent.event(request, preset: .gitea, name: header("Event"), id: header("Delivery")))
    }
}

/// Whoever signs like GitHub, with headers of their own.
struct GitHubLikeScheme: InboundScheme {
    private let keys: KeySet
    private let config: InboundConfig

    init(_ secrets: [String], _ config: InboundConfig) {
        keys = KeySet(utf8: secrets)
        self.config = config
    }

    func open(_ request: InboundRequest, now: Int64) throws(InboundRefusal) -> InboundOutcome {
        guard !keys.isEmpty else { throw InboundRefusal(.noSecret) }
        guard let signature = try request.credential(config.signatureHeader) else {
            throw InboundRefusal(.missingSignature)
        }
        let prefix = config.signaturePrefix.utf8
        guard signature.starts(with: prefix) else { throw InboundRefusal(.malformedHeader) }
        guard keys.accept(SHA256Digest(hexBytes: signature.dropFirst(prefix.count)), body: request.body) else {
            throw InboundRefusal(.signatureMismatch)
        }
        return .event(
            try GenericEvent.event(
                request, preset: .githubLike, name: request.header(config.eventHeader),
                id: request.header(config.idHeader)))
    }
}
