import EventModel
import Signing
import Testing

@Suite struct DeliveryVerifierTests {
    private let secret = SigningSecret.generate()
    private let body = Array(#"{"v":1}"#.utf8)
    private let now = Timestamp(seconds: 1_781_164_800)

    private func code(_ header: String, body: [UInt8]? = nil, at seconds: Int64 = 0) -> SigningError.Code? {
        do throws(SigningError) {
            try DeliveryVerifier(secrets: [secret]).verify(
                header: header, body: body ?? self.body, now: now.adding(seconds: seconds))
            return nil
        } catch {
            return error.code
        }
    }

    @Test func `a header is checked in full`() {
        let header = DeliverySigner(secret).headerSignature(timestamp: now.seconds, body: body)
        #expect(header.hasPrefix("t=1781164800,v1="))
        #expect(header.utf8.count == 80)
        #expect(code(header) == nil)
        #expect(code(header, body: []) == .wrongSignature)
        #expect(code(header.replacing("v1=", with: "v1=00,v1=")) == nil, "one of several fits")
        #expect(code(header.replacing("v1=", with: "v2=")) == .malformedHeader)
        #expect(code(header.replacing("t=", with: "s=")) == .malformedHeader)
        #expect(code(header.replacing("t=1", with: "t=+1")) == .malformedHeader)
        #expect(code(header.replacing("t=1", with: "t= 1")) == .malformedHeader)
        #expect(code("") == .malformedHeader)
        #expect(code("t=1781164800,v1=zz") == .wrongSignature)
    }

    @Test func `old and future times are stale`() {
        let header = DeliverySigner(secret).headerSignature(timestamp: now.seconds, body: body)
        #expect(code(header, at: 300) == nil)
        #expect(code(header, at: -300) == nil)
        #expect(code(header, at: 301) == .staleTimestamp)
        #expect(code(header, at: -301) == .staleTimestamp)
        #expect(code("t=999999999999999,v1=00") == .staleTimestamp)
        #expect(code("t=9999999999999999999,v1=00") == .malformedHeader)
    }

    @Test func `an id with a dot could shift the signed text and is refused`() {
        #expect(throws: SigningError(.malformedHeader, "webhook-id is not an id")) {
            try DeliveryVerifier(secrets: [secret]).verify(
                id: "evt_1.2", timestamp: "1781164800", signature: "v1,x", body: body, now: now)
        }
    }
}

@Suite struct SigningSecretTests {
    @Test func `a generated secret is whsec and 32 bytes`() throws {
        let secret = SigningSecret.generate()
        #expect(secret.text.hasPrefix("whsec_"))
        #expect(secret.text.utf8.count == 50)
        #expect(try SigningSecret(secret.text) == secret)
        #expect(SigningSecret.generate() != secret)
    }

    @Test(arguments: [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "sixteen letters!", String(repeating: "~", count: 128),
        "WHSEC_ is no prefix",
    ])
    func `a caller's own passes`(text: String) throws {
        #expect(try SigningSecret(text).text == text)
    }

    @Test(arguments: [
        "", "fifteen letters", String(repeating: "~", count: 129), "sixteen lettersé", "sixteen\nletters.",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa!!", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
    ])
    func `others are refused`(text: String) {
        let error = #expect(throws: SigningError.self) { try SigningSecret(text) }
        #expect(error?.code == .invalidSecret)
        #expect(text.isEmpty || error?.message.contains(text) == false)
    }

    @Test func `a secret never prints itself`() {
        let secret = SigningSecret.generate()
        var dumped = ""
        dump([secret], to: &dumped)
        for printed in ["\(secret)", String(reflecting: secret), dumped, "\([secret])"] {
            #expect(!printed.contains("whsec_"))
        }
    }
}
