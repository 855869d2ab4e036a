internal import Crypto

/// Stripe (docs.stripe.com, "Verify webhook signatures manually"): `Stripe-Signature: t=…,v1=…[,v1=…]`, hex HMAC-SHA256 of
/// `t.body` under the whole text of the secret, `whsec_` included.
struct StripeScheme: InboundScheme {
    private static let mostParts = 32

    private let keys: KeySet
    private let tolerance: Int64

    init(_ secrets: [String], tolerance: Int64) {
        keys = KeySet(utf8: secrets)
        self.tolerance = tolerance
    }

    func open(_ request: InboundRequest, now: Int64) throws(InboundRefusal) -> InboundOutcome {
        guard !keys.isEmpty else { throw InboundRefusal(.noSecret) }
        guard let header = try request.credentialText("Stripe-Signature") else {
            throw InboundRefusal(.missingSignature)
        }
        var timestamp: Substring?
        var digests: [SHA256Digest] = []
        var isSigned = false
        for part in header.split(separator: ",").prefix(Self.mostParts) {
            let part = part.drop { $0 == " " }
            if part.hasPrefix("t="), timestamp == nil { timestamp = part.dropFirst(2) }
            guard part.hasPrefix("v1=") else { continue }
            isSigned = true
            if let digest = SHA256Digest(hex: String(part.dropFirst(3))) { digests.append(digest) }
        }
        guard let timestamp, Freshness.seconds(timestamp) != nil, isSigned else {
            throw InboundRefusal(.malformedHeader)
        }
        guard keys.accept(digests, head: Array("\(timestamp).".utf8), body: request.body) else {
            throw InboundRefusal(.signatureMismatch)
        }
        let age = try Freshness.check(String(timestamp), now: now, tolerance: tolerance)
        let fields = try PayloadFields(request.body, ["id", "type"])
        var event = try GenericEvent.event(
            request, preset: .stripe, name: fields.text("type"), id: fields.text("id"))
        event.age = age
        return .event(event)
    }
}
