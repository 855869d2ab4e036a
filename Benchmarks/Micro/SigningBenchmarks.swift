internal import Crypto
internal import Encodings
internal import EventModel
internal import Signing

/// Hashes, seals and signatures.
struct SigningBenchmarks {
    private let body = [UInt8](repeating: UInt8(ascii: "x"), count: 650)
    private let id = EventID(Ulid(high: 1, low: 2))

    func run(_ harness: inout Harness) throws {
        let short = [UInt8](body.prefix(32))
        let token = AccessToken.generate()
        harness.measure("SHA-256 of 32 bytes") { consume(SHA256.hash(short)) }
        harness.measure("check a token's form and hash it") { consume(AccessToken(token.text)?.digest) }
        let key = HMACKey([UInt8](repeating: 1, count: 32))
        harness.measure("HMAC-SHA256 of 650 bytes, key prepared", limit: 5_000) {
            consume(key.authenticationCode(for: body))
        }
        harness.measure("prepare an HMAC key") { consume(HMACKey(short)) }
        let box = try SecretBox(current: .generate())
        let sealed = box.seal("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", context: "webhook:1")
        harness.measure("seal a secret") { consume(box.seal("whsec_MfKQ9r8GKYqrTwjUPD8I", context: "webhook:1")) }
        harness.measure("open a secret") { consume(try? box.open(sealed, context: "webhook:1")) }
        harness.measure("hex of 32 bytes") { consume(Hex.encode(short)) }
        harness.measure("base64 of 650 bytes") { consume(Base64.encode(body)) }

        let signer = DeliverySigner(.generate())
        var buffer: [UInt8] = []
        buffer.reserveCapacity(4_096)
        harness.measure("sign X-IC-Signature over 650 bytes", limit: 5_000) {
            buffer.removeAll(keepingCapacity: true)
            signer.appendHeaderSignature(timestamp: 1_781_164_800, body: body.span, to: &buffer)
        }
        harness.measure("sign webhook-signature over 650 bytes", limit: 5_000) {
            buffer.removeAll(keepingCapacity: true)
            signer.appendStandardSignatures(id: id, timestamp: 1_781_164_800, body: body.span, to: &buffer)
        }
        guard let type = EventType("run.completed") else { return }
        let headers = try DeliveryHeaders(userAgent: "Fanfare/1.0")
        let attempt = DeliveryHeaders.Attempt(
            event: id, type: type, delivery: DeliveryID(Ulid(high: 3, low: 4)),
            endpoint: EndpointID(Ulid(high: 5, low: 6)), number: 1, timestamp: 1_781_164_800)
        harness.measure("write a delivery's headers, both signatures") {
            buffer.removeAll(keepingCapacity: true)
            headers.write(attempt, body: body.span, signer: signer, to: &buffer)
        }
        harness.measure("hash the headers for the audit") { consume(DeliveryHeaders.digest(of: buffer.span)) }
    }
}
