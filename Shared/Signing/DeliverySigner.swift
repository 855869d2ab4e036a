internal import Crypto
internal import Encodings
public import EventModel

/// Signs the deliveries of one endpoint; its keys are prepared once, so keep it while the endpoint is busy (about 2 KB a
/// secret) and drop it with the secrets.
///
/// While a rotation's overlap lasts there are two secrets (design §8): `webhook-signature` carries the signatures of both,
/// `X-IC-Signature` must be exactly one, because the published verifier splits it at its one comma.
public struct DeliverySigner: Sendable {
    private let header: HMACKey
    private let standard: [HMACKey]

    /// - Parameters:
    ///   - headerSecret: Keys `X-IC-Signature`: during an overlap the previous secret, until the tenant promotes the new one.
    ///   - secrets: All that are valid, newest first, for `webhook-signature`; `headerSecret` is among them.
    public init(headerSecret: SigningSecret, secrets: [SigningSecret]) {
        precondition(secrets.contains(headerSecret), "the header's secret is one of the valid ones")
        self.header = HMACKey(Array(headerSecret.text.utf8))
        self.standard = secrets.map { HMACKey($0.standardKey) }
    }

    /// For an endpoint with one secret.
    public init(_ secret: SigningSecret) {
        self.init(headerSecret: secret, secrets: [secret])
    }

    /// Appends the value of `X-IC-Signature` (seed 0): `t=<unix seconds>,v1=<hex>`, over `<t>.` and the body.
    public func appendHeaderSignature(timestamp: Int64, body: Span<UInt8>, to value: inout [UInt8]) {
        value.append(ascii: "t=")
        let start = value.count
        value.append(decimal: timestamp)
        var message = Array(value[start...])
        message.append(0x2E)
        value.append(ascii: ",v1=")
        header.authenticationCode(for: message.span, body).appendHex(to: &value)
    }

    /// Appends the value of `webhook-signature` (Standard Webhooks): `v1,<base64>` for each secret, separated by spaces, over
    /// `<id>.<timestamp>.` and the body.
    public func appendStandardSignatures(
        id: EventID, timestamp: Int64, body: Span<UInt8>, to value: inout [UInt8]
    ) {
        var message: [UInt8] = []
        message.reserveCapacity(64)
        id.write(to: &message)
        message.append(0x2E)
        message.append(decimal: timestamp)
        message.append(0x2E)
        for (index, key) in standard.enumerated() {
            value.append(ascii: index == 0 ? "v1," : " v1,")
            key.authenticationCode(for: message.span, body).appendBase64(to: &value)
        }
    }

    public func headerSignature(timestamp: Int64, body: [UInt8]) -> String {
        var value: [UInt8] = []
        appendHeaderSignature(timestamp: timestamp, body: body.span, to: &value)
        return String(decoding: value, as: UTF8.self)
    }

    public func standardSignatures(id: EventID, timestamp: Int64, body: [UInt8]) -> String {
        var value: [UInt8] = []
        appendStandardSignatures(id: id, timestamp: timestamp, body: body.span, to: &value)
        return String(decoding: value, as: UTF8.self)
    }
}
