internal import Crypto
internal import Encodings

/// WeCom callbacks (developer.work.weixin.qq.com, 90930): a GET that must echo a decrypted text, and POSTs of encrypted XML
/// or JSON. What lies around the cipher text is not signed, so nothing of it is believed.
struct WeComScheme: InboundScheme {
    private struct Keys {
        let token: String
        let cipher: WeComCipher
        /// Empty: whoever the sender names, since the key is this callback's alone.
        let receivers: [String]
    }

    private let sets: [Keys]
    private let tolerance: Int64

    init(_ config: InboundConfig, _ secrets: [InboundSecrets]) {
        sets = secrets.compactMap { secrets in
            guard let token = secrets.first("token"), let key = secrets.first("encoding_aes_key").flatMap(WeComKey.init)
            else { return nil }
            return Keys(token: token, cipher: WeComCipher(key), receivers: secrets.all("receive_id"))
        }
        tolerance = config.tolerance
    }

    func open(_ request: InboundRequest, now: Int64) throws(InboundRefusal) -> InboundOutcome {
        switch request.method {
        case .get:
            // Some clients send the plus signs of base64 as they are, and a query's decoder makes blanks of them.
            guard let echo = request.parameter("echostr") else { throw InboundRefusal(.missingSignature) }
            let encrypted = String(echo.map { $0 == " " ? "+" : $0 })
            let (message, _, _) = try decrypt(encrypted, request, now: now)
            return .challenge(.text(message))
        case .post:
            let encrypted = try Self.encrypted(in: request.body)
            let (message, receiver, age) = try decrypt(encrypted, request, now: now)
            var event = try WeComEvent.read(message, receiver: receiver)
            event.age = age
            return .event(event)
        }
    }

    /// The cipher text of an envelope; which kind it is shows in its first byte, not in its media type.
    private static func encrypted(in body: [UInt8]) throws(InboundRefusal) -> String {
        switch body.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) {
        case 0x7B:
            guard let text = try PayloadFields(body, ["encrypt"]).text("encrypt") else {
                throw InboundRefusal(.malformedBody)
            }
            return text
        default:
            guard let text = try WeComEvent.xml(body)["Encrypt"], !text.isEmpty else {
                throw InboundRefusal(.malformedBody)
            }
            return text
        }
    }

    private func decrypt(
        _ encrypted: String, _ request: InboundRequest, now: Int64
    ) throws(InboundRefusal) -> (message: [UInt8], receiver: String, age: Int64) {
        guard !sets.isEmpty else { throw InboundRefusal(.noSecret) }
        guard let signature = request.parameter("msg_signature"), let timestamp = request.parameter("timestamp"),
            let nonce = request.parameter("nonce")
        else { throw InboundRefusal(.missingSignature) }
        guard let given = Hex.decode(signature) else { throw InboundRefusal(.signatureMismatch) }
        guard
            let keys = sets.first(where: { keys in
                ConstantTime.areEqual(
                    WeComSignature.digest(
                        token: keys.token, timestamp: timestamp, nonce: nonce, encrypted: encrypted), given)
            })
        else { throw InboundRefusal(.signatureMismatch) }
        let age = try Freshness.check(timestamp, now: now, tolerance: tolerance)
        guard let (message, receiver) = keys.cipher.decrypt(encrypted) else { throw InboundRefusal(.decryptFailed) }
        guard keys.receivers.isEmpty || keys.receivers.contains(receiver) else {
            throw InboundRefusal(.receiveIDMismatch)
        }
        return (message, receiver, age)
    }
}
