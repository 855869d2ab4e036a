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
    /// Of the key of `v1a` signatures; nil: none are made.
    private let seed: [UInt8]?

    /// - Parameters:
    ///   - headerSecret: Keys `X-IC-Signature`: during an overlap the previous secret, until the tenant promotes the new one.
    ///   - secrets: All that are valid, newest first, for `webhook-signature`; `headerSecret` is among them.
    public init(headerSecret: SigningSecret, secrets: [SigningSecret]) {
        precondition(secrets.contains(headerSecret), "the header's secret is one of the valid ones")
        self.header = HMACKey(Array(headerSecret.text.utf8))
        self.standard = secrets.map { HMACKey($0.standardKey) }
        seed = nil
    }

    /// As above, and signs with an Ed25519 key too (Standard Webhooks' `v1a`): some 80 µs a delivery.
    /// - Throws: `invalidSecret` unless the seed has 32 bytes.
    public init(
        headerSecret: SigningSecret, secrets: [SigningSecret], asymmetricSeed: [UInt8]?
    ) throws(SigningError) {
        precondition(secrets.contains(headerSecret), "the header's secret is one of the valid ones")
        guard asymmetricSeed?.count ?? Ed25519.seedByteCount == Ed25519.seedByteCount else {
            throw SigningError(.invalidSecret, "an Ed25519 seed has \(Ed25519.seedByteCount) bytes")
        }
        header = HMACKey(Array(headerSecret.text.utf8))
        standard = secrets.map { HMACKey($0.standardKey) }
        seed = asymmetricSeed
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

    /// Appends the value of `webhook-signature` (Standard Webhooks): `v1,<base64>` for each secret, then `v1a,<base64>` where there is a key for it, separated by spaces, over
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
        guard let seed else { return }
        body.withUnsafeBytes { message.append(contentsOf: $0) }
        do throws(CryptoError) {
            value.append(ascii: " v1a,")
            value.append(contentsOf: Base64.encode(try Ed25519.sign(message, seed: seed)).utf8)
        } catch {
            preconditionFailure("the seed was checked: \(error)")
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
