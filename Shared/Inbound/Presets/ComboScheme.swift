internal import Crypto

/// The platform's own signature (seeds 1 and 2): `X-Combo-Signature: sha256=<hex HMAC-SHA256 of timestamp.body>` and
/// `X-Combo-Timestamp`.
struct ComboSignature: Sendable {
    private let keys: KeySet
    private let tolerance: Int64

    init(keys: [String], tolerance: Int64) {
        self.keys = KeySet(utf8: keys)
        self.tolerance = tolerance
    }

    /// - Returns: The age in seconds.
    func check(_ request: InboundRequest, now: Int64) throws(InboundRefusal) -> Int64 {
        guard !keys.isEmpty else { throw InboundRefusal(.noSecret) }
        guard let signature = try request.credential("X-Combo-Signature"),
            let timestamp = try request.credentialText("X-Combo-Timestamp")
        else { throw InboundRefusal(.missingSignature) }
        guard signature.starts(with: "sha256=".utf8) else { throw InboundRefusal(.malformedHeader) }
        let digest = SHA256Digest(hexBytes: signature.dropFirst(7))
        guard keys.accept(digest, head: Array("\(timestamp).".utf8), body: request.body) else {
            throw InboundRefusal(.signatureMismatch)
        }
        return try Freshness.check(timestamp, now: now, tolerance: tolerance)
    }
}

/// Requests with the platform's own signature; `X-Combo-Event-Id` says which event it is.
struct ComboScheme: InboundScheme {
    private let signature: ComboSignature
    private let read: @Sendable (InboundRequest) throws(InboundRefusal) -> InboundOutcome

    /// - Parameter read: Makes the event of an authentic request.
    init(
        keys: [String], tolerance: Int64,
        read: @escaping @Sendable (InboundRequest) throws(InboundRefusal) -> InboundOutcome
    ) {
        signature = ComboSignature(keys: keys, tolerance: tolerance)
        self.read = read
    }

    func open(_ request: InboundRequest, now: Int64) throws(InboundRefusal) -> InboundOutcome {
        let age = try signature.check(request, now: now)
        let outcome = try read(request)
        guard case .event(var event) = outcome else { return outcome }
        event.age = age
        if let id = request.header("X-Combo-Event-Id"), !id.isEmpty {
            event.deliveryID = id
            event.dedupeKey = "combo:\(id)"
        }
        return .event(event)
    }
}
