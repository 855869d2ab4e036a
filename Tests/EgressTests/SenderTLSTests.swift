import Egress
import TestSupport
import Testing

/// Certificates made for the test by its own authority.
@Suite(.timeLimit(.minutes(1)), .serialized) struct SenderTLSTests {
    private struct Bench {
        let certificates: TestCertificates
        let receiver: TestReceiver
        let harness: EgressHarness

        var url: String { "https://receiver.test:\(receiver.port)/" }

        func stop() {
            receiver.stop()
            harness.stop()
        }
    }

    /// The receiver's authority is trusted by setting unless `isTrusted` is false.
    private func bench(
        isTrusted: Bool = true, identity: (TestCertificates) -> TestTLSIdentity
    ) async throws -> Bench {
        let certificates = try await TestCertificates.make()
        let receiver = try TestReceiver(tls: identity(certificates)) { _ in [.answer(200)] }
        let harness = EgressHarness(names: ["receiver.test": [["127.0.0.1"]]]) { settings in
            if isTrusted { settings.authoritiesFile = certificates.authorityFile }
        }
        return Bench(certificates: certificates, receiver: receiver, harness: harness)
    }

    @Test func `a trusted receiver is spoken to over TLS, and its connection kept`() async throws {
        let bench = try await bench { $0.server }
        defer { bench.stop() }
        let first = try await bench.harness.post(bench.url)
        #expect(first.outcome == .status(200), "\(first.detail)")
        #expect(first.timings.connect > 0)
        #expect(first.timings.tls > 0)
        let second = try await bench.harness.post(bench.url)
        #expect(second.isConnectionReused)
        #expect(second.timings.tls == 0)
        #expect(await bench.receiver.requests.first(2).map(\.connection) == [0, 0])
        let literal = try await bench.harness.post(bench.receiver.url)
        #expect(literal.outcome == .status(200), "\(literal.detail)")
    }

    @Test func `an unknown authority is refused`() async throws {
        let bench = try await bench(isTrusted: false) { $0.server }
        defer { bench.stop() }
        let result = try await bench.harness.post(bench.url)
        #expect(result.outcome == .failure(.tls))
        #expect(!result.mayHaveBeenDelivered)
        #expect(bench.receiver.requests.values.isEmpty)
    }

    @Test func `an expired certificate is refused`() async throws {
        let bench = try await bench { $0.expired }
        defer { bench.stop() }
        let result = try await bench.harness.post(bench.url)
        #expect(result.outcome == .failure(.tls))
        #expect(result.detail.contains("expired"))
    }

    @Test func `a certificate for another host is refused`() async throws {
        let bench = try await bench { $0.otherHost }
        defer { bench.stop() }
        #expect(try await bench.harness.post(bench.url).outcome == .failure(.tls))
        #expect(bench.receiver.requests.values.isEmpty)
    }

    @Test func `a certificate that signed itself is refused`() async throws {
        let bench = try await bench { $0.selfSigned }
        defer { bench.stop() }
        #expect(try await bench.harness.post(bench.url).outcome == .failure(.tls))
    }

    @Test func `an endpoint's own authority is trusted for it alone`() async throws {
        let bench = try await bench(isTrusted: false) { $0.server }
        defer { bench.stop() }
        let options = TLSOptions(authorities: bench.certificates.authority)
        #expect(try await bench.harness.post(bench.url, tls: options).outcome == .status(200))
        #expect(try await bench.harness.post(bench.url).outcome == .failure(.tls))
        #expect(try await bench.harness.post(bench.url, tls: options).outcome == .status(200))
        #expect(bench.receiver.requests.values.count == 2)
    }

    @Test func `a client certificate is shown where it is asked for`() async throws {
        let bench = try await bench { certificates in
            var identity = certificates.server
            identity.clientCAFile = certificates.authorityFile
            return identity
        }
        defer { bench.stop() }
        let client = bench.certificates.client
        let known = TLSOptions(identity: .init(certificate: client.certificate, key: client.key))
        let none = try await bench.harness.post(bench.url)
        #expect(none.outcome == .failure(.tls), "\(none.detail)")
        let shown = try await bench.harness.post(bench.url, tls: known)
        #expect(shown.outcome == .status(200), "\(shown.detail)")
        #expect(try await bench.harness.post(bench.url, tls: known).isConnectionReused)
        // The connection of one identity serves neither another one nor none.
        #expect(try await bench.harness.post(bench.url).outcome == .failure(.tls))
        let stray = TLSOptions(identity: .init(certificate: client.certificate, key: bench.certificates.strayKey))
        #expect(try await bench.harness.post(bench.url, tls: stray).outcome == .failure(.tls))
        #expect(bench.receiver.requests.values.count == 2)
    }

    @Test func `equal options share a connection, other keys do not`() async throws {
        let bench = try await bench { $0.server }
        defer { bench.stop() }
        let client = bench.certificates.client
        func options(_ key: [UInt8]) -> TLSOptions {
            TLSOptions(identity: .init(certificate: client.certificate, key: key))
        }
        #expect(try await bench.harness.post(bench.url, tls: options(client.key)).outcome == .status(200))
        #expect(try await bench.harness.post(bench.url, tls: options(client.key)).isConnectionReused)
        let padded = try await bench.harness.post(bench.url, tls: options(client.key + [UInt8(ascii: "\n")]))
        #expect(padded.outcome == .status(200), "\(padded.detail)")
        #expect(!padded.isConnectionReused)
    }
}
