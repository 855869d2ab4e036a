import Encodings
import Foundation
import TestSupport
import Testing

/// The verifiers that receivers use, over requests as they stood on the wire.
enum Verifiers {
    private static let fixtures = "\(TestFolders.packageRoot)/Tests"

    /// The Python function that the webhook contract publishes, word for word, and the package `standardwebhooks` where it
    /// is installed: both accept each request with its secret, and not with another body.
    static func check(_ requests: [(request: ReceivedRequest, secret: String)]) async throws {
        var published: [[String: String]] = []
        var standard: [[String: String]] = []
        for (request, secret) in requests {
            for body in [request.body, request.body + [0x20]] {
                published.append([
                    "header": request.header("X-IC-Signature") ?? "", "body": Hex.encode(body), "secret": secret,
                ])
                // The package knows secrets in base64 only.
                guard secret.hasPrefix("whsec_") else { continue }
                standard.append([
                    "id": request.header("webhook-id") ?? "", "timestamp": request.header("webhook-timestamp") ?? "",
                    "signature": request.header("webhook-signature") ?? "", "body": Hex.encode(body), "secret": secret,
                ])
            }
        }
        let answers = ["True", "False"]
        let first = try await run("/usr/bin/python3", "SigningTests/Fixtures/verify.py", published)
        #expect(first == requests.flatMap { _ in answers })
        let python = "\(TestFolders.packageRoot)/.venv/bin/python"
        guard TestFolders.exists(python) else {
            print("The package standardwebhooks is not asked: there is no .venv (scripts/test makes it).")
            return
        }
        let second = try await run(python, "EndToEndTests/Fixtures/standard_webhooks.py", standard)
        #expect(second == requests.filter { $0.secret.hasPrefix("whsec_") }.flatMap { _ in answers })
    }

    private static func run(_ python: String, _ script: String, _ cases: [[String: String]]) async throws -> [String] {
        let folder = try TestFolders.temporary("verify")
        let file = "\(folder)/cases.jsonl"
        let lines = try cases.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) }
        try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
        let process = try ProcessUnderTest(python, ["\(fixtures)/\(script)", file], folder: folder, log: "verify")
        #expect(await process.end(within: .seconds(20)) == .exited(0), "\(process.errors)")
        return process.output.split(separator: "\n").map(String.init)
    }
}
