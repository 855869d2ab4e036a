internal import Crypto
internal import EventCodec

/// AgentGate and FormBridge (seed 4): the hex HMAC-SHA256 of the raw body, in the header that the seed names or in the one
/// that the product really sends, with or without `sha256=`.
struct ProductScheme: InboundScheme {
    private let channel: InboundChannel
    private let keys: KeySet

    init(_ channel: InboundChannel, _ secrets: [InboundSecrets]) {
        self.channel = channel
        keys = KeySet(utf8: secrets.flatMap { $0.all("secrets") })
    }

    func open(_ request: InboundRequest, now: Int64) throws(InboundRefusal) -> InboundOutcome {
        guard !keys.isEmpty else { throw InboundRefusal(.noSecret) }
        var signature: ArraySlice<UInt8>?
        for name in Self.headers where signature == nil { signature = try request.credential(name) }
        guard var signature else { throw InboundRefusal(.missingSignature) }
        if signature.starts(with: "sha256=".utf8) { signature = signature.dropFirst(7) }
        guard keys.accept(SHA256Digest(hexBytes: signature), body: request.body) else {
            throw InboundRefusal(.signatureMismatch)
        }
        return .event(try Self.event(request, channel))
    }

    /// Where a signature may stand; the first that is there counts.
    static let headers = ["X-Webhook-Signature", "X-AgentGate-Signature", "X-FormBridge-Signature"]

    static func event(_ request: InboundRequest, _ channel: InboundChannel) throws(InboundRefusal) -> InboundEvent {
        let fields = try PayloadFields(request.body, ["event", "state"])
        let name = fields.text("event") ?? fields.text("state").map { "submission.\($0)" } ?? "received"
        return InboundEvent(
            type: EventNaming.type([channel.rawValue, name]), name: name, action: nil, deliveryID: nil,
            dedupeKey: nil, payload: request.body, age: nil, answer: .receipt)
    }
}
