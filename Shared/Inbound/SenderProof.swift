internal import Crypto
public import EventModel

/// What a workspace's door may demand of its senders, who have no channel of their own (`contracts.md` §2, `require`).
public enum SenderProof {
    /// Within ± this many seconds a signed timestamp is fresh.
    private static let tolerance = InboundConfig.defaultTolerance

    /// A shared secret: in `X-Webhook-Secret`, as a bearer token, or by a signature, which proves more.
    ///
    /// - Throws: `missingSignature`, `tokenMismatch`, or as `checkSignature`.
    public static func checkSecret(
        _ request: InboundRequest, secrets: [String], now: Timestamp
    ) throws(InboundRefusal) {
        if isSigned(request) { return try checkSignature(request, secrets: secrets, now: now) }
        var given = try request.credential("X-Webhook-Secret")
        if given == nil, let header = try request.credential("Authorization"), header.count > 7,
            String(decoding: header.prefix(7), as: UTF8.self).lowercased() == "bearer "
        {
            given = header.dropFirst(7)
        }
        guard let given else { throw InboundRefusal(.missingSignature) }
        guard PlainSecret.isAmong(Array(given), secrets) else { throw InboundRefusal(.tokenMismatch) }
    }

    /// A signature: the platform's own (`X-Combo-Signature`), or Standard Webhooks (`webhook-signature`).
    ///
    /// - Throws: `missingSignature`, `malformedHeader`, `signatureMismatch` or `staleTimestamp`.
    public static func checkSignature(
        _ request: InboundRequest, secrets: [String], now: Timestamp
    ) throws(InboundRefusal) {
        let now = now.microseconds / 1_000_000
        if request.headers.count(of: "X-Combo-Signature") > 0 {
            _ = try ComboSignature(keys: secrets, tolerance: tolerance).check(request, now: now)
        } else {
            _ = try StandardSignature(secrets: secrets, tolerance: tolerance)
                .check(request, prefix: "webhook", now: now)
        }
    }

    private static func isSigned(_ request: InboundRequest) -> Bool {
        request.headers.count(of: "X-Combo-Signature") > 0 || request.headers.count(of: "webhook-signature") > 0
    }
}
