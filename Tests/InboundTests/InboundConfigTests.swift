import EventCodec
import Testing

@testable import Inbound

@Suite struct InboundConfigTests {
    private func config(_ text: String, _ kind: InboundKind) throws -> InboundConfig {
        try InboundConfig(json: Array(text.utf8), kind: kind)
    }

    @Test func `an empty configuration has the contract's defaults`() throws {
        let github = try config("{}", .channel(.github))
        #expect(github.tolerance == 300 && github.bodyLimit == 25 << 20)
        #expect(try config("{}", .channel(.gitee)).bodyLimit == 1 << 20)
    }

    @Test(arguments: [
        (#"{"seen":[]}"#, InboundKind.channel(.github), "seen"), (#"{"mode":"signature"}"#, .channel(.github), "mode"),
        (#"{"mode":"both"}"#, .channel(.gitee), "mode"), (#"{"tolerance_s":0}"#, .channel(.lark), "tolerance_s"),
        (#"{"tolerance_s":1.5}"#, .channel(.lark), "tolerance_s"),
        (#"{"ip_allow":["10.0.0.0/8","10.0.0.1/8"]}"#, .channel(.gerrit), "ip_allow[1]"),
        (#"{"body_limit_bytes":99999999}"#, .channel(.github), "body_limit_bytes"),
        (#"{"rate_per_s":0}"#, .channel(.github), "rate_per_s"), (#"{"scheme":"none"}"#, .channel(.github), "scheme"),
        (#"{"signature_header":"a b"}"#, .preset(.githubLike), "signature_header"),
        (#"{"answer":"x"}"#, .channel(.lark), "answer"),
    ])
    func `what is unknown or wrong is refused by name`(_ text: String, _ kind: InboundKind, _ param: String) {
        let error = #expect(throws: JSONFieldError.self) { try config(text, kind) }
        #expect(error?.param == param)
    }

    @Test func `each channel takes its own settings`() throws {
        #expect(try config(#"{"allow_sha1":true}"#, .channel(.github)).allowsSHA1)
        #expect(try config(#"{"require_signature":true}"#, .channel(.gitlab)).requiresSignature)
        #expect(try config(#"{"mode":"password","tolerance_s":3600}"#, .channel(.gitee)).giteeMode == .password)
        #expect(try config(#"{"max_event_age_s":60}"#, .channel(.gerrit)).maximumEventAge == 60)
        #expect(try config(#"{"scheme":"combo"}"#, .channel(.wecom)).usesCombo)
    }
}
