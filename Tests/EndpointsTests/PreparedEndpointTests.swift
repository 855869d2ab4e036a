import Crypto
import Egress
import Encodings
import Endpoints
import EventCodec
import EventModel
import Signing
import TestSupport
import Testing

/// Endpoints with what few have.
@Suite struct PreparedEndpointTests {
    private let box: SecretBox
    private let secret = SigningSecret.generate()
    private let endpoint = EndpointID(Ulid(high: 1, low: 2))
    private let now = Timestamp(seconds: 1_780_000_000)

    init() throws {
        box = try SecretBox(current: MasterKey.generate())
    }

    private func prepare(_ equipment: String?, endpoint: EndpointID? = nil) throws -> PreparedEndpoint {
        let endpoint = endpoint ?? self.endpoint
        return try PreparedEndpoint(
            PreparedEndpoint.Source(
                endpoint: endpoint, url: "https://example.com/",
                sealedSecrets: [box.seal(secret.text, context: EndpointEquipment.Piece.secret.context(endpoint))],
                equipment: equipment), secrets: box, policy: AddressPolicy(), at: now)
    }

    private func sealed(_ text: String, _ piece: EndpointEquipment.Piece) -> String {
        box.seal(text, context: piece.context(endpoint))
    }

    @Test func `a plain endpoint has nothing of its own`() throws {
        let plain = try prepare(nil)
        #expect(plain.headers.isEmpty && plain.tls == nil && plain.until == nil)
        #expect(
            !plain.signer.standardSignatures(id: EventID(Ulid(high: 0, low: 1)), timestamp: 1, body: []).contains("v1a")
        )
    }

    @Test func `header lines and credentials open in their own place only`() throws {
        let headers = sealed(#"{"X-Team":"a","authorization":"Bearer b"}"#, .headers)
        let made = try prepare(#"{"headers":"\#(headers)"}"#)
        #expect(String(decoding: made.headers.bytes, as: UTF8.self) == "authorization: Bearer b\r\nX-Team: a")
        #expect(throws: PreparedEndpoint.Failure.sealedSecret) { try prepare(#"{"identity":"\#(headers)"}"#) }
        #expect(throws: PreparedEndpoint.Failure.sealedSecret) {
            try prepare(#"{"headers":"\#(headers)"}"#, endpoint: EndpointID(Ulid(high: 3, low: 4)))
        }
        #expect(throws: PreparedEndpoint.Failure.sealedSecret) { try prepare("{") }
        let identity = sealed(#"{"certificate":"c","key":"k"}"#, .identity)
        #expect(try prepare(#"{"identity":"\#(identity)"}"#).tls != nil)
        #expect(try prepare(#"{"authorities":"pem"}"#).tls != nil)
    }

    @Test func `a v1a signature stands behind the others and is that of the public key`() throws {
        let seed = SecureRandom.bytes(32)
        let made = try prepare(
            #"{"v1a":"\#(box.seal(seed, context: EndpointEquipment.Piece.signingKey.context(endpoint)))"}"#)
        let id = EventID(Ulid(high: 0, low: 1))
        let body = Array(#"{"a":1}"#.utf8)
        let signatures = made.signer.standardSignatures(id: id, timestamp: 17, body: body).split(separator: " ")
        #expect(signatures.map { $0.prefix { $0 != "," } } == ["v1", "v1a"])
        let signature = try #require(Base64.decode(String(signatures[1].dropFirst(4))))
        let message = Array("\(id).17.".utf8) + body
        #expect(try Ed25519.isValid(signature, for: message, publicKey: Ed25519.publicKey(seed: seed)))
        try DeliveryVerifier(secrets: [secret]).verify(
            id: id.description, timestamp: "17", signature: signatures.joined(separator: " "), body: body,
            now: Timestamp(seconds: 17))
    }

    @Test(arguments: [
        ("[]", "headers"), (#"{"A b":"x"}"#, "headers"), (#"{"":"x"}"#, "headers"), (#"{"X-A":1}"#, "headers.X-A"),
        (#"{"X-A":"a\r\nX-B: b"}"#, "headers.X-A"), (#"{"X-A":"a\nb"}"#, "headers.X-A"),
        (#"{"X-A":""}"#, "headers.X-A"),
        (#"{"X-A":" a"}"#, "headers.X-A"), (#"{"X-A":"é"}"#, "headers.X-A"), (#"{"X-A":"a\u0000"}"#, "headers.X-A"),
        (#"{"X-A":"a","x-a":"b"}"#, "headers.x-a"), (#"{"Host":"a"}"#, "headers.Host"),
        (#"{"Connection":"close"}"#, "headers.Connection"),
        (#"{"Transfer-Encoding":"chunked"}"#, "headers.Transfer-Encoding"),
        (#"{"Content-Type":"text/plain"}"#, "headers.Content-Type"),
        (#"{"content-length":"1"}"#, "headers.content-length"),
        (#"{"X-IC-Signature":"a"}"#, "headers.X-IC-Signature"), (#"{"webhook-id":"a"}"#, "headers.webhook-id"),
        (#"{"User-Agent":"a"}"#, "headers.User-Agent"), (#"{"traceparent":"a"}"#, "headers.traceparent"),
        (#"{"TE":"trailers"}"#, "headers.TE"), (#"{"Upgrade":"h2c"}"#, "headers.Upgrade"),
        (#"{"Expect":"100-continue"}"#, "headers.Expect"),
        (#"{"Proxy-Authorization":"a"}"#, "headers.Proxy-Authorization"),
    ]) func `header lines that are not a tenant's to set are refused`(text: String, param: String) throws {
        let value = try JSONValue(parsing: Array(text.utf8))
        let error = #expect(throws: JSONFieldError.self) { try CustomHeaders(value, prefix: "X-IC") }
        #expect(error?.param == param)
    }

    @Test func `there are not too many of them, nor too long ones`() throws {
        func headers(_ count: Int, _ length: Int) throws -> CustomHeaders {
            let members = (0..<count).map {
                JSONValue.Member("X-\($0)", .string(String(repeating: "a", count: length)))
            }
            return try CustomHeaders(.object(members), prefix: "X-IC")
        }
        #expect(try headers(20, 10).names.count == 20)
        #expect(throws: JSONFieldError.self) { try headers(21, 10) }
        #expect(throws: JSONFieldError.self) { try headers(1, 4_096) }
    }
}
