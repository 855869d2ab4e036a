internal import Crypto
internal import Encodings
public import EventCodec

/// The secrets of an integration or trigger, under the names of their channel. What is missing is made here.
///
///     let secrets = try InboundSecrets(body.optionalFields("secrets"), kind: kind, config: config)
///     box.seal(secrets.json, context: …)
///
/// Text forms never show them.
public struct InboundSecrets: Sendable, Hashable {
    /// Lists of texts by name; `basic` holds user and password.
    var texts: [String: [String]]
    private let forms: [SecretForm]

    /// - Parameter fields: The `secrets` of a request; nil for none.
    /// - Throws: `unknownField` or `invalidField`, with the path in `param`.
    public init(_ fields: JSONFields?, kind: InboundKind, config: InboundConfig) throws(JSONFieldError) {
        try self.init(reading: fields, kind: kind)
        makeMissing(kind: kind, config: config)
    }

    /// Secrets that take the place of `old`: what `fields` gives, and the rest unchanged; where it gives nothing, all are
    /// made anew. Who may receive (`receive_id`) is no secret and stays.
    public init(
        replacing old: InboundSecrets, with fields: JSONFields?, kind: InboundKind, config: InboundConfig
    ) throws(JSONFieldError) {
        try self.init(reading: fields, kind: kind)
        let isGiven = !texts.isEmpty
        for form in old.forms where texts[form.name] == nil && (isGiven || !form.isSecret) {
            texts[form.name] = old.texts[form.name]
        }
        makeMissing(kind: kind, config: config)
    }

    /// Reads what `json` wrote.
    public init(json: [UInt8], kind: InboundKind) throws(JSONFieldError) {
        try self.init(reading: JSONFields(body: json), kind: kind)
    }

    private init(reading fields: JSONFields?, kind: InboundKind) throws(JSONFieldError) {
        forms = SecretForm.forms(of: kind)
        texts = [:]
        guard let fields else { return }
        try fields.refuseUnknown(Set(forms.map(\.name)))
        for form in forms { texts[form.name] = try form.read(fields) }
    }

    /// The object that a request would give, for showing once and for sealing.
    public var json: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            for form in forms {
                guard let values = texts[form.name] else { continue }
                form.write(values, to: &writer)
            }
        }
        return writer.bytes
    }

    /// Every name that `secrets` may hold.
    public static func names(of kind: InboundKind) -> Set<String> { Set(SecretForm.forms(of: kind).map(\.name)) }

    func first(_ name: String) -> String? { texts[name]?.first }
    func all(_ name: String) -> [String] { texts[name] ?? [] }

    /// The keys of the platform's own scheme: those under `secrets`, or where there are none the vendor's own secret.
    var comboKeys: [String] {
        if let own = texts["secrets"] { return own }
        for name in ["webhook_secrets", "signing_tokens", "secret_token", "secret", "encrypt_key", "token"] {
            if let values = texts[name] { return values }
        }
        return texts["verification_token"] ?? texts["url_token"] ?? []
    }

    private mutating func makeMissing(kind: InboundKind, config: InboundConfig) {
        if config.usesCombo, case .channel = kind {
            if comboKeys.isEmpty { texts["secrets"] = [Self.randomKey()] }
            return
        }
        switch kind {
        case .channel(.lark):
            if texts["verification_token"] == nil, texts["encrypt_key"] == nil {
                texts["verification_token"] = [Self.randomWord(32)]
            }
        case .channel(.wecom):
            if texts["token"] == nil { texts["token"] = [Self.randomWord(32)] }
            if texts["encoding_aes_key"] == nil { texts["encoding_aes_key"] = [Self.randomWord(43)] }
        case .channel(.gerrit):
            if texts["url_token"] == nil, texts["basic"] == nil { texts["url_token"] = [Self.randomWord(43)] }
        case .channel(.gitlab):
            if config.requiresSignature {
                if texts["signing_tokens"] == nil { texts["signing_tokens"] = [Self.randomKey()] }
            } else if texts["signing_tokens"] == nil, texts["secret_token"] == nil {
                texts["secret_token"] = [Self.randomWord(43)]
            }
        case .channel(.github):
            if texts["webhook_secrets"] == nil { texts["webhook_secrets"] = [Self.randomWord(43)] }
        case .channel(.gitee):
            if texts["secret"] == nil { texts["secret"] = [Self.randomWord(43)] }
        case .channel(.agentgate), .channel(.formbridge), .preset:
            if texts["secrets"] == nil { texts["secrets"] = [Self.randomKey()] }
        }
    }

    /// `whsec_` and the base64 of 32 random bytes.
    private static func randomKey() -> String { "whsec_" + Base64.encode(SecureRandom.bytes(32)) }

    /// Letters and digits; 43 of them hold 256 bits. Every vendor's form takes them.
    private static func randomWord(_ count: Int) -> String {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
        var word: [UInt8] = []
        while word.count < count {
            // 248 is the greatest multiple of 62 in a byte: beyond it some letters would come more often.
            for byte in SecureRandom.bytes(count * 2) where byte < 248 && word.count < count {
                word.append(letters[Int(byte) % letters.count])
            }
        }
        return String(decoding: word, as: UTF8.self)
    }
}

extension InboundSecrets: CustomStringConvertible, CustomReflectable {
    public var description: String { "InboundSecrets(hidden)" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
