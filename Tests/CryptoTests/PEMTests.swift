import Crypto
import EventModel
import TestSupport
import Testing

/// Certificates and keys as people paste them.
@Suite(.timeLimit(.minutes(1))) struct PEMTests {
    private func certificates() async throws -> TestCertificates { try await TestCertificates.make() }

    @Test func `a chain is read, described and written anew without what stands between`() async throws {
        let made = try await certificates()
        let text =
            Array("subject=client\n".utf8) + made.client.certificate + Array("\n\nissuer\n".utf8) + made.authority
        let chain = try PEM.certificates(text)
        #expect(chain.facts.map(\.subject) == ["CN=client", "CN=ca"])
        let now = SystemClock().now().seconds
        #expect(chain.facts.allSatisfy { abs($0.notAfter - now - 30 * 86_400) < 600 })
        #expect(chain.facts[0].sha256 != chain.facts[1].sha256)
        let again = String(decoding: chain.pem, as: UTF8.self)
        #expect(!again.contains("subject") && !again.contains("issuer"))
        #expect(try PEM.certificates(chain.pem).pem == chain.pem)
    }

    @Test func `a key belongs to its certificate and to no other`() async throws {
        let made = try await certificates()
        let key = try PEM.key(made.client.key, for: made.client.certificate)
        #expect(String(decoding: key, as: UTF8.self).hasPrefix("-----BEGIN PRIVATE KEY-----\n"))
        #expect(try PEM.key(key, for: made.client.certificate) == key)
        #expect(throws: CryptoError(.invalidKey, "")) { try PEM.key(made.strayKey, for: made.client.certificate) }
        #expect(throws: CryptoError(.invalidKey, "")) { try PEM.key(made.client.key, for: made.authority) }
    }

    @Test func `what is no PEM, broken, encrypted or too long is refused`() async throws {
        let made = try await certificates()
        let certificate = made.client.certificate
        var broken = certificate
        broken[broken.count / 2] = UInt8(ascii: "!")
        for text in [
            [], Array("hello".utf8), broken, made.client.key, certificate + broken, Array(certificate.dropLast(40)),
        ] {
            #expect(throws: CryptoError(.malformed, "")) { try PEM.certificates(text) }
        }
        let long = Array(repeating: UInt8(ascii: "x"), count: PEM.mostBytes) + certificate
        #expect(throws: CryptoError(.malformed, "")) { try PEM.certificates(long) }
        let encrypted = """
            -----BEGIN ENCRYPTED PRIVATE KEY-----
            MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAi8JkzJcVnOcAICCAAw
            DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEEqtb3XBWRSnM7pLqgV7oYEEQPcj
            -----END ENCRYPTED PRIVATE KEY-----
            """
        for text in [[], Array("hello".utf8), certificate, Array(encrypted.utf8)] {
            #expect(throws: CryptoError(.malformed, "")) { try PEM.key(text, for: certificate) }
        }
    }
}
