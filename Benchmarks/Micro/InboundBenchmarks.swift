internal import EventModel
internal import Inbound

/// What it costs to verify a request of each channel and preset, names and dedupe key included.
struct InboundBenchmarks {
    private let now = Timestamp(seconds: 1_768_187_050)

    func run(_ harness: inout Harness) throws {
        let kinds = InboundChannel.allCases.map(InboundKind.channel) + InboundPreset.allCases.map(InboundKind.preset)
        for kind in kinds {
            let config = InboundConfig(kind: kind)
            // An encrypted Lark body needs no token inside.
            let secrets =
                kind == .channel(.lark)
                ? try InboundSecrets(
                    json: Array(#"{"encrypt_key":"a key of 32 characters or so...."}"#.utf8), kind: kind)
                : try InboundSecrets(nil, kind: kind, config: config)
            let sample = try InboundSigner(kind: kind, config: config, secrets: secrets)
                .sign(body(of: kind), now: now)
            let verifier = InboundVerifier(kind: kind, config: config, secrets: [secrets])
            let request = InboundRequest(
                method: .post, headers: SampleHeaders(sample), query: sample.query, body: sample.body)
            harness.measure("verify \(kind.name), 8 kB", limit: 500_000) {
                consume(try? verifier.open(request, now: now))
            }
        }
    }

    /// About 8 kB: a push of twenty commits.
    private func body(of kind: InboundKind) -> [UInt8] {
        if kind == .channel(.wecom) {
            let text = String(repeating: "a sentence of a message. ", count: 320)
            return Array(
                "<xml><MsgType>text</MsgType><MsgId>1</MsgId><Content><![CDATA[\(text)]]></Content></xml>".utf8)
        }
        let commit =
            #"{"id":"9f2c1d7e0b3a4c5d6e7f8091a2b3c4d5e6f70812","message":"Fix the parser: \"é\" again","timestamp":"2026-01-12T03:04:06Z","author":{"name":"Zhang San","email":"zhangsan@example.com"},"added":["a/b/c.swift"],"removed":[],"modified":["d/e.swift","f/g.swift"],"url":"https://github.com/acme/widgets/commit/9f2c1d7e0b3a4c5d6e7f8091a2b3c4d5e6f70812"}"#
        let commits = Array(repeating: commit, count: 20).joined(separator: ",")
        let head =
            #""type":"push","event":"request.created","event_id":"e1","hook_id":1,"header":{"event_id":"e","event_type":"t","app_id":"a"},"object_kind":"push""#
        return Array(#"{\#(head),"ref":"refs/heads/main","commits":[\#(commits)]}"#.utf8)
    }
}

private struct SampleHeaders: InboundHeaders {
    private let fields: [(name: String, value: [UInt8])]

    init(_ sample: InboundSample) {
        fields = sample.headers.map { ($0.name.lowercased(), Array($0.value.utf8)) }
    }

    func bytes(_ name: String) -> ArraySlice<UInt8>? {
        let name = name.lowercased()
        return fields.first { $0.name == name }?.value[...]
    }

    func count(of name: String) -> Int {
        let name = name.lowercased()
        return fields.count { $0.name == name }
    }
}
