import Crypto
import Encodings
import EventCodec
import EventModel
import Signing
import Testing

/// The published vectors of Standard Webhooks, version 1 (https://github.com/standard-webhooks/standard-webhooks).
@Suite struct StandardWebhooksTests {
    struct Vector: Sendable {
        var secret: String
        var id: String
        var timestamp: String
        var body: String
        var signature: String
    }

    static let vectors = [
        Vector(
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: "1614265330", body: #"{"test": 2432232314}"#,
            signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        Vector(
            secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", id: "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            timestamp: "1649367553", body: #"{"email":"test@example.com","username":"test_user"}"#,
            signature: "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="),
        Vector(
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: "1614265330", body: "", signature: "v1,v48jdbgvh29KJz2Qc+ghw8G6vG3nAKnujWBg8oM/62A="),
        Vector(
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: "1614265330", body: #"{"emoji":"🚀","zh":"中文"}"#,
            signature: "v1,uj9VOzT5aJoVDICUtLOF930RIhZ7Hz1RvmyW/JGX4ms="),
    ]

    @Test(arguments: vectors)
    func `the vectors verify`(vector: Vector) throws {
        let verifier = DeliveryVerifier(secrets: [try SigningSecret(vector.secret)])
        let now = Timestamp(seconds: try #require(Int64(vector.timestamp)))
        let body = Array(vector.body.utf8)
        let verify = { (signature: String, body: [UInt8]) throws(SigningError) in
            try verifier.verify(
                id: vector.id, timestamp: vector.timestamp, signature: signature, body: body, now: now)
        }
        try verify(vector.signature, body)
        try verify("v1,AAAA v1a,xyz \(vector.signature)", body)
        #expect(throws: SigningError(.wrongSignature, "no signature fits")) {
            try verify(vector.signature, body + [0x20])
        }
        #expect(throws: SigningError(.wrongSignature, "no signature fits")) {
            try verify(vector.signature.replacing("v1,", with: "v2,"), body)
        }
    }

    /// Its asymmetric vector: the key after `whsk_` is seed and public key.
    @Test func `the asymmetric vector holds`() throws {
        let key = try #require(
            Base64.decode(
                "6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="))
        let message = Array(#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#.utf8)
        let signature = try Ed25519.sign(message, seed: Array(key.prefix(32)))
        #expect(
            Base64.encode(signature)
                == "hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==")
        #expect(try Ed25519.publicKey(seed: Array(key.prefix(32))) == Array(key.suffix(32)))
    }

    @Test func `a signer's answer verifies, by either secret of an overlap`() throws {
        let (new, old) = (SigningSecret.generate(), try SigningSecret("plain text secret 1"))
        let signer = DeliverySigner(headerSecret: old, secrets: [new, old])
        let id = EventID(Ulid(high: 1, low: 2))
        let body = Array("{}".utf8)
        let now = Timestamp(seconds: 1_781_164_800)
        let value = signer.standardSignatures(id: id, timestamp: now.seconds, body: body)
        #expect(value.split(separator: " ").count == 2)
        for secret in [new, old] {
            try DeliveryVerifier(secrets: [secret]).verify(
                id: id.description, timestamp: "\(now.seconds)", signature: value, body: body, now: now)
        }
        #expect(throws: SigningError.self) {
            try DeliveryVerifier(secrets: [.generate()]).verify(
                id: id.description, timestamp: "\(now.seconds)", signature: value, body: body, now: now)
        }
    }
}
