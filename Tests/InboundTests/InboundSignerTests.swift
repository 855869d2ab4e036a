import EventCodec
import EventModel
import Testing

@testable import Inbound

/// Whatever kind of sender: what the signer signs the verifier takes, and nothing that was changed on the way.
@Suite struct InboundSignerTests {
    private static let kinds =
        InboundChannel.allCases.map(InboundKind.channel) + InboundPreset.allCases.map(InboundKind.preset)
    private let now = Timestamp(seconds: 1_768_187_050)

    private func body(_ kind: InboundKind) -> [UInt8] {
        let text =
            switch kind {
            case .channel(.lark): #"{"schema":"2.0","header":{"event_id":"e","event_type":"im.message","app_id":"a"}}"#
            case .channel(.wecom): "<xml><MsgType>text</MsgType><MsgId>1</MsgId></xml>"
            default: #"{"type":"thing.done","event":"request.approved","id":"i","data":{}}"#
            }
        return Array(text.utf8)
    }

    private func parts(_ kind: InboundKind, _ text: String = "{}") throws -> (InboundConfig, InboundSecrets) {
        let config = try InboundConfig(json: Array(text.utf8), kind: kind)
        // With an Encrypt Key a body needs no token inside.
        let given = kind == .channel(.lark) && text == "{}" ? #"{"encrypt_key":"k"}"# : "{}"
        return (config, try InboundSecrets(JSONFields(body: Array(given.utf8)), kind: kind, config: config))
    }

    private func open(
        _ sample: InboundSample, _ kind: InboundKind, _ config: InboundConfig, _ secrets: InboundSecrets,
        at time: Timestamp? = nil
    ) throws -> InboundOutcome {
        let verifier = InboundVerifier(kind: kind, config: config, secrets: [secrets])
        return try verifier.open(
            InboundRequest(
                method: .post, headers: TestHeaders(sample.headers), query: sample.query, body: sample.body),
            now: time ?? now)
    }

    @Test(arguments: kinds) func `what is signed is taken`(_ kind: InboundKind) throws {
        let (config, secrets) = try parts(kind)
        let sample = try InboundSigner(kind: kind, config: config, secrets: secrets).sign(body(kind), now: now)
        guard case .event(let event) = try open(sample, kind, config, secrets) else {
            Issue.record("not an event")
            return
        }
        #expect(event.type.text.contains(kind == .preset(.combo) ? "generic" : kind.name))
        try JSONScanner.validate(event.payload)
    }

    @Test(arguments: InboundChannel.allCases)
    func `the platform's own scheme stands in for each channel's`(_ channel: InboundChannel) throws {
        let kind = InboundKind.channel(channel)
        let (config, secrets) = try parts(kind, #"{"scheme":"combo"}"#)
        let sample = try InboundSigner(kind: kind, config: config, secrets: secrets).sign(body(kind), now: now)
        guard case .event(let event) = try open(sample, kind, config, secrets) else {
            Issue.record("not an event")
            return
        }
        #expect(event.type.text.hasPrefix(channel.rawValue) && event.dedupeKey?.hasPrefix("combo:") == true)
        let late = now.adding(microseconds: 301_000_000)
        #expect(throws: InboundRefusal.self) { try open(sample, kind, config, secrets, at: late) }
    }

    @Test(arguments: kinds) func `other secrets and changed bodies are not taken`(_ kind: InboundKind) throws {
        let (config, secrets) = try parts(kind)
        let sample = try InboundSigner(kind: kind, config: config, secrets: secrets).sign(body(kind), now: now)
        // Lark's secret is given by the test.
        let other =
            kind == .channel(.lark)
            ? try InboundSecrets(json: Array(#"{"encrypt_key":"other"}"#.utf8), kind: kind) : try parts(kind).1
        #expect(throws: InboundRefusal.self) { try open(sample, kind, config, other) }
        // Gitee and Gerrit sign no body.
        guard kind != .channel(.gitee), kind != .channel(.gerrit), kind != .channel(.gitlab) else { return }
        var changed = sample
        changed.body.insert(0x20, at: 0)
        if kind == .channel(.wecom) {
            changed.body = Array(
                String(decoding: sample.body, as: UTF8.self).replacing("[CDATA[", with: "[CDATA[AAAA").utf8)
        }
        #expect(throws: InboundRefusal.self) { try open(changed, kind, config, secrets) }
    }

    @Test(arguments: kinds) func `no secret lets nobody in`(_ kind: InboundKind) throws {
        let (config, secrets) = try parts(kind)
        let sample = try InboundSigner(kind: kind, config: config, secrets: secrets).sign(body(kind), now: now)
        let verifier = InboundVerifier(kind: kind, config: config, secrets: [])
        #expect(throws: InboundRefusal.self) {
            try verifier.open(
                InboundRequest(
                    method: .post, headers: TestHeaders(sample.headers), query: sample.query, body: sample.body),
                now: now)
        }
    }

    @Test(arguments: kinds) func `a credential that stands twice is refused`(_ kind: InboundKind) throws {
        let (config, secrets) = try parts(kind)
        var sample = try InboundSigner(kind: kind, config: config, secrets: secrets).sign(body(kind), now: now)
        let names = sample.headers.map(\.name).filter { $0.lowercased().contains("signature") || $0.hasSuffix("Token") }
        guard !names.isEmpty else { return }
        sample.headers += sample.headers.filter { names.contains($0.name) }
        #expect(throws: InboundRefusal.self) { try open(sample, kind, config, secrets) }
    }
}
