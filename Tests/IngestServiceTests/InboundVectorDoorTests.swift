import EventCodec
import EventModel
import Inbound
import IngestService
import TestSupport
import Testing

/// The published vectors through a running door, at the time that each asks for.
@Suite struct InboundVectorDoorTests {
    @Test func `all 70 requests come to what their vectors say`() async throws {
        let vectors = InboundVector.all.filter { $0.layer == "ingest" }
        #expect(vectors.count == 70)
        try await IngestBench.with { bench in
            for (place, vector) in vectors.enumerated() {
                try await check(vector, bench, number: UInt64(place + 1))
            }
        }
    }

    private func check(_ vector: InboundVector, _ bench: IngestBench, number: UInt64) async throws {
        let ahead = vector.now.microseconds(since: bench.clock.now())
        bench.clock.stepWallClock(by: .microseconds(ahead))
        let path = try prepare(vector, bench, number)
        let query =
            vector.rawQuery
            ?? vector.query.map { "\($0.name)=\(Self.encoded($0.value))" }.joined(separator: "&")
        let target = query.isEmpty ? path : "\(path)?\(query)"
        let headers = vector.headers.map { ($0.name, $0.value) }
        let before = bench.log.events.count
        let response = try await bench.send(vector.method, target, headers: headers, body: vector.body)
        let events = Array(bench.log.events.dropFirst(before))
        let note = Comment(rawValue: "\(vector.id): \(response.status) \(response.text)")
        switch vector.expect["verdict"]?.text {
        case "accept":
            #expect(response.status == 200, note)
            let event = try #require(events.first, note)
            #expect(events.count == 1)
            let name = vector.preset == nil ? event.type : try event.data()["event_type"]?.text
            if let type = vector.expect["event_type"]?.text { #expect(name == type, note) }
            if !vector.seen.isEmpty { try await checkReplay(vector, target, bench, event) }
        case "challenge":
            #expect(response.status == 200 && events.isEmpty, note)
            let expected = vector.expect["response"]
            if let body = expected?["body"]?.text { #expect(response.text == body, note) }
            if let json = expected?["json"] { #expect(try JSONValue(parsing: response.body) == json, note) }
        default:
            #expect(response.status == 401 && events.isEmpty, note)
            if vector.channel == "gerrit" { #expect(response["WWW-Authenticate"] == #"Basic realm="webhook""#) }
        }
        if case .array(let bodies)? = vector.expect["response"]?["body"] {
            #expect(bodies.compactMap(\.text).contains(response.text), note)
        }
    }

    /// The same once more: answered alike, stored once.
    private func checkReplay(
        _ vector: InboundVector, _ target: String, _ bench: IngestBench, _ event: NewEvent
    ) async throws {
        let response = try await bench.send(
            vector.method, target, headers: vector.headers.map { ($0.name, $0.value) }, body: vector.body)
        #expect(response.status == 200)
        let again = try #require(bench.log.events.last)
        #expect(again.dedupeKey == event.dedupeKey && again.dedupeKey != nil)
        let records = await bench.records.reaches(1)
        #expect(records.contains { $0.dedupeKey == vector.seen.first } || !records.isEmpty)
    }

    private func prepare(_ vector: InboundVector, _ bench: IngestBench, _ number: UInt64) throws -> String {
        if let channel = InboundChannel(rawValue: vector.channel) {
            let id = try bench.integrate(
                channel, secrets: String(decoding: vector.secrets, as: UTF8.self),
                config: String(decoding: vector.config, as: UTF8.self), number: number)
            return "/v1/webhook/\(channel.rawValue)/\(id)"
        }
        let preset = try #require(vector.preset.flatMap(InboundPreset.init))
        let kind = InboundKind.preset(preset)
        bench.triggers.add(
            InboundEndpoint(
                id: "trg_\(number)", tenant: FakeDirectory.tenant, kind: kind,
                config: try InboundConfig(json: vector.config, kind: kind),
                secrets: [try InboundSecrets(json: vector.secrets, kind: kind)]))
        return "/v1/webhook/generic/trg_\(number)"
    }

    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: String(UnicodeScalar(byte))
            default: "%" + String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
            }
        }.joined()
    }
}
