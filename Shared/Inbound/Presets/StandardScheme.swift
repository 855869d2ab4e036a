internal import Crypto
internal import Encodings

/// Standard Webhooks (standardwebhooks.com): `v1,<base64 HMAC-SHA256>` of `id.timestamp.body`, several separated by blanks.
/// Other versions are skipped.
struct StandardSignature: Sendable {
    /// More would only cost us time.
    private static let mostSignatures = 16

    private let keys: KeySet
    private let tolerance: Int64

    init(secrets: [String], tolerance: Int64) {
        keys = KeySet(base64: secrets)
        self.tolerance = tolerance
    }

    var hasNoKeys: Bool { keys.isEmpty }

    /// - Parameter prefix: Of the three headers: `webhook` or `svix`.
    /// - Returns: The age in seconds.
    func check(_ request: InboundRequest, prefix: String, now: Int64) throws(InboundRefusal) -> Int64 {
        guard !keys.isEmpty else { throw InboundRefusal(.noSecret) }
        guard let id = try request.credentialText("\(prefix)-id"),
            let timestamp = try request.credentialText("\(prefix)-timestamp"),
            let header = try request.credentialText("\(prefix)-signature")
        else { throw InboundRefusal(.missingSignature) }
        // With a dot in it, id and timestamp could be cut elsewhere and still give the same bytes.
        guard !id.contains(".") else { throw InboundRefusal(.malformedHeader) }
        var digests: [SHA256Digest] = []
        for part in header.split(separator: " ").prefix(Self.mostSignatures) where part.hasPrefix("v1,") {
            if let digest = SHA256Digest(base64: String(part.dropFirst(3))) { digests.append(digest) }
        }
        guard keys.accept(digests, head: Array("\(id).\(timestamp).".utf8), body: request.body) else {
            throw InboundRefusal(.signatureMismatch)
        }
        return try Freshness.check(timestamp, now: now, tolerance: tolerance)
    }
}

/// The presets `standard_webhooks` and `svix`; Svix's own headers come first, for it sends either.
struct StandardScheme: InboundScheme {
    private let signature: StandardSignature
    private let preset: InboundPreset

    init(_ secrets: [String], tolerance: Int64, preset: InboundPreset) {
        signature = StandardSignature(secrets: secrets, tolerance: tolerance)
        self.preset = preset
    }

    func open(_ request: InboundRequest, now: Int64) throws(InboundRefusal) -> InboundOutcome {
        let isSvix = preset == .svix && request.headers.count(of: "svix-signature") > 0
        let prefix = isSvix ? "svix" : "webhook"
        let age = try signature.check(request, prefix: prefix, now: now)
        var event = try GenericEvent.event(request, preset: preset, id: request.header("\(prefix)-id"))
        event.age = age
        return .event(event)
    }
}
