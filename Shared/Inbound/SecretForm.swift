internal import Encodings
internal import EventCodec

/// One name under `secrets`: how its value is written and what is allowed.
struct SecretForm: Sendable, Hashable {
    enum Shape: Hashable, Sendable {
        /// `"text"`
        case text
        /// `["text", …]`, newest first: any of them is accepted.
        case list
        /// Either; stored as a list.
        case textOrList
        /// `{"user", "password"}`
        case basic
    }

    enum Rule: Hashable, Sendable {
        case any
        /// Base64, perhaps behind `whsec_`.
        case base64Key
        /// 43 characters of base64 (WeCom's EncodingAESKey).
        case aesKey
    }

    let name: String
    let shape: Shape
    var rule = Rule.any
    var isSecret = true

    private static let longest = 1_024
    private static let mostEntries = 10

    static func forms(of kind: InboundKind) -> [SecretForm] {
        let combo = SecretForm(name: "secrets", shape: .list)
        return switch kind {
        case .channel(.lark):
            [
                SecretForm(name: "verification_token", shape: .text), SecretForm(name: "encrypt_key", shape: .text),
                combo,
            ]
        case .channel(.wecom):
            [
                SecretForm(name: "token", shape: .text),
                SecretForm(name: "encoding_aes_key", shape: .text, rule: .aesKey),
                SecretForm(name: "receive_id", shape: .textOrList, isSecret: false), combo,
            ]
        case .channel(.gerrit):
            [SecretForm(name: "url_token", shape: .text), SecretForm(name: "basic", shape: .basic), combo]
        case .channel(.gitlab):
            [
                SecretForm(name: "secret_token", shape: .text),
                SecretForm(name: "signing_tokens", shape: .list, rule: .base64Key), combo,
            ]
        case .channel(.github): [SecretForm(name: "webhook_secrets", shape: .list), combo]
        case .channel(.gitee): [SecretForm(name: "secret", shape: .text), combo]
        case .preset(.standardWebhooks), .preset(.svix):
            [SecretForm(name: "secrets", shape: .list, rule: .base64Key)]
        case .channel(.agentgate), .channel(.formbridge), .preset: [combo]
        }
    }

    /// Nil where the field is absent.
    func read(_ fields: JSONFields) throws(JSONFieldError) -> [String]? {
        guard let value = fields.value(name) else { return nil }
        switch shape {
        case .text: return [try check(fields.string(name), name, fields)]
        case .basic:
            let basic = try fields.fields(name)
            try basic.refuseUnknown(["user", "password"])
            let user = try check(basic.string("user"), "user", basic)
            guard !user.utf8.contains(0x3A) else { throw basic.invalid("user", "has no colon (RFC 7617)") }
            return [user, try check(basic.string("password"), "password", basic)]
        case .textOrList:
            if case .string(let text) = value { return [try check(text, name, fields)] }
            return try readList(fields)
        case .list: return try readList(fields)
        }
    }

    private func readList(_ fields: JSONFields) throws(JSONFieldError) -> [String] {
        var values: [String] = []
        for (index, text) in (try fields.optionalStrings(name, count: 1...Self.mostEntries) ?? []).enumerated() {
            values.append(try check(text, "\(name)[\(index)]", fields))
        }
        return values
    }

    private func check(_ text: String, _ place: String, _ fields: JSONFields) throws(JSONFieldError) -> String {
        // WeCom's own bots have an empty receive id; an empty secret would let everybody in.
        guard text.utf8.count <= Self.longest, !text.isEmpty || !isSecret else {
            throw fields.invalid(place, "has 1-\(Self.longest) bytes")
        }
        guard !text.utf8.contains(0) else { throw fields.invalid(place, "has no NUL") }
        switch rule {
        case .any: break
        case .base64Key:
            guard let key = StandardKey.decode(text), !key.isEmpty else {
                throw fields.invalid(place, "is whsec_ and base64, or base64 alone")
            }
        case .aesKey:
            guard WeComKey(text) != nil else {
                throw fields.invalid(place, "is an EncodingAESKey: 43 characters of base64")
            }
        }
        return text
    }

    func write(_ values: [String], to writer: inout JSONWriter) {
        writer.key(dynamic: name)
        switch shape {
        case .text: writer.string(values.first ?? "")
        case .basic:
            writer.object { writer in
                writer.member("user", values.first ?? "")
                writer.member("password", values.last ?? "")
            }
        case .list, .textOrList: writer.array { writer in for value in values { writer.string(value) } }
        }
    }
}

/// The key of a Standard Webhooks secret (standardwebhooks.com, "Signature scheme").
enum StandardKey {
    /// The bytes of the base64, with or without `whsec_` before it; nil where it is none.
    static func decode(_ text: String) -> [UInt8]? {
        let body = text.hasPrefix("whsec_") ? String(text.dropFirst(6)) : text
        return Base64.decode(body)
    }
}
