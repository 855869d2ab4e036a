internal import Crypto

/// Lark and Feishu event subscriptions (open.feishu.cn, "Configure event subscription").
///
/// With an Encrypt Key every body is encrypted and signed; without one only a token inside the body says who sends. A
/// challenge is answered unsigned, as the vendor's own SDKs do: it must decrypt, and its token must be ours.
struct LarkScheme: InboundScheme {
    private struct Keys {
        let encryptKey: String?
        let cipher: LarkCipher?
        let token: String?
    }

    private let sets: [Keys]
    private let tolerance: Int64
    private let answer: [UInt8]?

    init(_ config: InboundConfig, _ secrets: [InboundSecrets]) {
        sets = secrets.map { secrets in
            let key = secrets.first("encrypt_key")
            return Keys(
                encryptKey: key, cipher: key.map { LarkCipher(encryptKey: $0) },
                token: secrets.first("verification_token"))
        }
        tolerance = config.tolerance
        answer = config.answer
    }

    func open(_ request: InboundRequest, now: Int64) throws(InboundRefusal) -> InboundOutcome {
        // During a rotation the first set that lets the request in decides, else the newest set's refusal stands.
        var refusal = InboundRefusal(.noSecret)
        for (index, keys) in sets.enumerated() {
            do {
                return try open(request, keys, now: now)
            } catch {
                if index == 0 { refusal = error }
            }
        }
        throw refusal
    }

    private func open(_ request: InboundRequest, _ keys: Keys, now: Int64) throws(InboundRefusal) -> InboundOutcome {
        guard let cipher = keys.cipher, let encryptKey = keys.encryptKey else {
            guard let token = keys.token else { throw InboundRefusal(.noSecret) }
            return try read(request.body, token: token, answer: answer)
        }
        let envelope = try PayloadFields(request.body, ["encrypt"])
        guard let encrypted = envelope.text("encrypt") else { throw InboundRefusal(.encryptRequired) }
        guard let plain = cipher.decrypt(encrypted) else { throw InboundRefusal(.decryptFailed) }
        if try LarkEvent.isChallenge(plain) { return try read(plain, token: keys.token, answer: answer) }
        let age = try checkSignature(request, encryptKey, now: now)
        guard case .event(var event) = try read(plain, token: keys.token, answer: answer) else {
            throw InboundRefusal(.malformedBody)
        }
        event.age = age
        return .event(event)
    }

    private func checkSignature(
        _ request: InboundRequest, _ encryptKey: String, now: Int64
    ) throws(InboundRefusal) -> Int64 {
        guard let signature = try request.credential("X-Lark-Signature"),
            let timestamp = try request.credentialText("X-Lark-Request-Timestamp"),
            let nonce = try request.credentialText("X-Lark-Request-Nonce")
        else { throw InboundRefusal(.missingSignature) }
        let digest = LarkSignature.digest(
            timestamp: timestamp, nonce: nonce, encryptKey: encryptKey, body: request.body)
        guard let given = SHA256Digest(hexBytes: signature), digest.matches(given) else {
            throw InboundRefusal(.signatureMismatch)
        }
        return try Freshness.check(timestamp, now: now, tolerance: tolerance)
    }

    /// The token is compared in every mode. Without one the signature or the encryption has to do.
    private func read(_ body: [UInt8], token: String?, answer: [UInt8]?) throws(InboundRefusal) -> InboundOutcome {
        if let token {
            guard let given = try LarkEvent.token(body), ConstantTime.areEqual(given, token) else {
                throw InboundRefusal(.tokenMismatch)
            }
        }
        if let challenge = try LarkEvent.challenge(body) { return .challenge(challenge) }
        return .event(try LarkEvent.read(body, answer: answer))
    }
}
