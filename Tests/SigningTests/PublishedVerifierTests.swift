import Encodings
import EventModel
import Foundation
import Signing
import TestSupport
import Testing

/// Signatures against the Python function that the contract publishes: what it accepts is what customers accept.
@Suite struct PublishedVerifierTests {
    private struct Case: Encodable {
        var header: String
        var body: String
        var secret: String
    }

    private func run(_ cases: [Case]) async throws -> [String] {
        let folder = try TestFolders.temporary("verify")
        let lines = try cases.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) }
        let file = "\(folder)/cases.jsonl"
        try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
        let script = try #require(Bundle.module.path(forResource: "verify", ofType: "py", inDirectory: "Fixtures"))
        let python = try ProcessUnderTest("/usr/bin/python3", [script, file], folder: folder, log: "verify")
        #expect(await python.end(within: .seconds(20)) == .exited(0), "\(python.errors)")
        return python.output.split(separator: "\n").map(String.init)
    }

    @Test func `it accepts what the signer writes and nothing that was changed`() async throws {
        let secrets = [
            SigningSecret.generate(), try SigningSecret("a secret of the caller's own, ~!"),
            try SigningSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ]
        let bodies = [
            Array(#"{"v":1,"data":{"stop_reason":"end_turn"}}"#.utf8), [], Array("é中🚀\u{0}".utf8),
            [0xFF, 0x00, 0x0D, 0x0A],
        ]
        var cases: [Case] = []
        var expected: [String] = []
        for secret in secrets {
            for body in bodies {
                let header = DeliverySigner(secret).headerSignature(timestamp: 1_781_164_800, body: body)
                cases.append(Case(header: header, body: Hex.encode(body), secret: secret.text))
                cases.append(Case(header: header, body: Hex.encode(body + [0x20]), secret: secret.text))
                cases.append(
                    Case(
                        header: header.replacing("t=1781164800", with: "t=1781164801"), body: Hex.encode(body),
                        secret: secret.text))
                cases.append(Case(header: header, body: Hex.encode(body), secret: secret.text + "x"))
                expected += ["True", "False", "False", "False"]
            }
        }
        #expect(try await run(cases) == expected)
    }

    @Test func `during an overlap it goes on with the secret that signs the header`() async throws {
        let (new, old) = (SigningSecret.generate(), SigningSecret.generate())
        let signer = DeliverySigner(headerSecret: old, secrets: [new, old])
        let header = signer.headerSignature(timestamp: 1, body: [])
        let cases = [old, new].map { Case(header: header, body: "", secret: $0.text) }
        #expect(try await run(cases) == ["True", "False"])
    }
}
