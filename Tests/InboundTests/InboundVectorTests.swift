import EventCodec
import EventModel
import TestSupport
import Testing

@testable import Inbound

@Suite struct InboundVectorTests {
    @Test func `there are 85 vectors, 70 of whole requests`() {
        #expect(InboundVector.all.count == 85)
        #expect(InboundVector.all.filter { $0.layer == "ingest" }.count == 70)
    }

    @Test(arguments: InboundVector.all.filter { $0.layer == "ingest" || $0.kind != .channel(.lark) })
    func `a request comes to what the vector says`(_ vector: InboundVector) throws {
        let kind = try #require(vector.kind)
        let config = try InboundConfig(json: vector.config, kind: kind)
        let secrets = try InboundSecrets(json: vector.secrets, kind: kind)
        let verifier = InboundVerifier(kind: kind, config: config, secrets: [secrets])
        let request = InboundRequest(
            method: vector.method == "GET" ? .get : .post, headers: TestHeaders(vector.headers), query: vector.query,
            body: vector.body)
        switch vector.expect["verdict"]?.text {
        case "accept":
            do throws(InboundRefusal) {
                guard case .event(let event) = try verifier.open(request, now: vector.now) else {
                    Issue.record("not an event")
                    return
                }
                check(event, vector)
            } catch {
                // What is signed need not be JSON; only what is authentic is read at all.
                #expect(error.reason == .malformedBody && vector.layer == "signature")
            }
        case "challenge":
            guard case .challenge(let answer) = try verifier.open(request, now: vector.now) else {
                Issue.record("not a challenge")
                return
            }
            let response = vector.expect["response"]
            let body = response?["body"]?.text.map { Array($0.utf8) } ?? response?["json"]?.bytes
            #expect(answer.status == 200)
            #expect(
                answer.body == .bytes(body ?? [], contentType: response?["content_type"]?.text ?? "application/json"))
        default:
            let refusal = #expect(throws: InboundRefusal.self) { try verifier.open(request, now: vector.now) }
            let reason = vector.expect["reason"]?.text
            // The vectors call a wrong plain token a wrong signature where the vendor calls the field a signature too.
            if refusal?.reason.rawValue != reason {
                Issue.record("\(String(describing: refusal)) and not \(reason ?? "")")
            }
        }
    }

    private func check(_ event: InboundEvent, _ vector: InboundVector) {
        if let type = vector.expect["event_type"]?.text {
            if case .channel = vector.kind { #expect(event.type.text == type) } else { #expect(event.name == type) }
        }
        if let key = vector.expect["dedupe_key"]?.text { #expect(event.dedupeKey == key) }
        guard let payload = try? JSONValue(parsing: event.payload) else {
            Issue.record("the payload is not JSON")
            return
        }
        if case .array(let names)? = vector.expect["redact"] {
            for name in names.compactMap(\.text) { #expect(payload[name]?.text == "[redacted]") }
        }
        if let plaintext = vector.expect["plaintext"]?.text {
            #expect(payload.text == plaintext || String(decoding: event.payload, as: UTF8.self) == plaintext.redacted)
        }
    }

    @Test(arguments: InboundVector.all.filter { $0.kind == .channel(.lark) && $0.layer == "decrypt" })
    func `Lark's ciphertexts decrypt`(_ vector: InboundVector) throws {
        let key = try #require(try JSONValue(parsing: vector.secrets)["encrypt_key"]?.text)
        let encrypted = try #require(try JSONValue(parsing: vector.body)["encrypt"]?.text)
        let plain = try #require(LarkCipher(encryptKey: key).decrypt(encrypted))
        #expect(String(decoding: plain, as: UTF8.self) == vector.expect["plaintext"]?.text)
    }

    @Test(arguments: InboundVector.all.filter { $0.kind == .channel(.lark) && $0.layer == "signature" })
    func `Lark's signatures are those of its SDK`(_ vector: InboundVector) throws {
        let key = try #require(try JSONValue(parsing: vector.secrets)["encrypt_key"]?.text)
        let headers = Dictionary(uniqueKeysWithValues: vector.headers.map { ($0.name, $0.value) })
        let digest = LarkSignature.digest(
            timestamp: headers["X-Lark-Request-Timestamp"] ?? "", nonce: headers["X-Lark-Request-Nonce"] ?? "",
            encryptKey: key, body: vector.body)
        #expect(digest.hex == headers["X-Lark-Signature"])
    }
}

extension String {
    /// With the vector's token taken out.
    fileprivate var redacted: String { replacing("vt_example_0123456789", with: "[redacted]") }
}
