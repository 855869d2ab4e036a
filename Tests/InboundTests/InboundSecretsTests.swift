import EventCodec
import Testing

@testable import Inbound

@Suite struct InboundSecretsTests {
    private func secrets(
        _ text: String?, _ kind: InboundKind, _ config: String = "{}"
    ) throws -> InboundSecrets {
        try InboundSecrets(
            text.map { try JSONFields(body: Array($0.utf8)) }, kind: kind,
            config: InboundConfig(json: Array(config.utf8), kind: kind))
    }

    private static let kinds =
        InboundChannel.allCases.map(InboundKind.channel) + InboundPreset.allCases.map(InboundKind.preset)

    @Test(arguments: kinds)
    func `what is missing is made, unguessable and readable again`(_ kind: InboundKind) throws {
        let made = try secrets(nil, kind)
        #expect(made.texts.values.allSatisfy { $0.allSatisfy { $0.utf8.count >= 32 } })
        #expect(!made.texts.isEmpty)
        #expect(try InboundSecrets(json: made.json, kind: kind) == made)
        #expect(try secrets(nil, kind) != made)
        #expect(!"\(made)".contains(made.texts.values.first?.first ?? "?"))
    }

    @Test(arguments: [
        (#"{"webhook_secrets":["a",""]}"#, InboundKind.channel(.github), "webhook_secrets[1]"),
        (#"{"webhook_secrets":[]}"#, .channel(.github), "webhook_secrets"),
        (#"{"webhook_secrets":"a"}"#, .channel(.github), "webhook_secrets"),
        (#"{"secret":"a"}"#, .channel(.github), "secret"),
        (#"{"encoding_aes_key":"short"}"#, .channel(.wecom), "encoding_aes_key"),
        (#"{"basic":{"user":"a:b","password":"c"}}"#, .channel(.gerrit), "basic.user"),
        (#"{"basic":{"user":"a"}}"#, .channel(.gerrit), "basic.password"),
        (#"{"signing_tokens":["whsec_!"]}"#, .channel(.gitlab), "signing_tokens[0]"),
        (#"{"secrets":["not base64"]}"#, .preset(.standardWebhooks), "secrets[0]"),
    ])
    func `what is unknown or wrong is refused by name`(_ text: String, _ kind: InboundKind, _ param: String) {
        let error = #expect(throws: JSONFieldError.self) { try secrets(text, kind) }
        #expect(error?.param?.hasSuffix(param) == true)
    }

    @Test func `a rotation keeps who receives and makes the rest anew`() throws {
        let kind = InboundKind.channel(.wecom)
        let old = try secrets(#"{"token":"t","receive_id":["corp",""]}"#, kind)
        let new = try InboundSecrets(replacing: old, with: nil, kind: kind, config: InboundConfig(kind: kind))
        #expect(new.all("receive_id") == ["corp", ""])
        #expect(new.first("token") != "t" && new.first("encoding_aes_key") != old.first("encoding_aes_key"))
        let given = try InboundSecrets(
            replacing: old, with: JSONFields(body: Array(#"{"token":"u"}"#.utf8)), kind: kind,
            config: InboundConfig(kind: kind))
        #expect(given.first("token") == "u" && given.first("encoding_aes_key") == old.first("encoding_aes_key"))
    }

    @Test func `the platform's own scheme needs no secret of the vendor`() throws {
        let made = try secrets(nil, .channel(.github), #"{"scheme":"combo"}"#)
        #expect(Set(made.texts.keys) == ["secrets"])
        #expect(
            try secrets(#"{"webhook_secrets":["abc"]}"#, .channel(.github), #"{"scheme":"combo"}"#).comboKeys == ["abc"]
        )
    }
}
