internal import Encodings
internal import EventCodec
internal import Glibc

/// The verifiers that receivers use: the Python function that the webhook contract publishes, word for word, and the package
/// `standardwebhooks`, which knows secrets behind `whsec_` only and is asked where `scripts/test` has installed it.
public enum PythonVerifiers {
    /// A delivery as a receiver has it, and the secret that he holds.
    public struct Case: Sendable {
        public var header: String
        public var id: String
        public var timestamp: String
        public var signature: String
        public var body: [UInt8]
        public var secret: String
        /// The receiver's clock, unix seconds; nil: the real one.
        public var now: Int64?

        /// - Parameter header: The value of a delivery's header.
        public init(secret: String, body: [UInt8], now: Int64? = nil, header: (String) -> String?) {
            self.header = header("X-IC-Signature") ?? ""
            id = header("webhook-id") ?? ""
            timestamp = header("webhook-timestamp") ?? ""
            signature = header("webhook-signature") ?? ""
            self.body = body
            self.secret = secret
            self.now = now
        }
    }

    /// What the published function says of each.
    public static func published(_ cases: [Case]) async throws -> [Bool] {
        try await run("/usr/bin/python3", "SigningTests/Fixtures/verify.py", cases)
    }

    /// What the package says of each; nil where it is not installed.
    public static func standard(_ cases: [Case]) async throws -> [Bool]? {
        let python = "\(TestFolders.packageRoot)/.venv/bin/python"
        guard TestFolders.exists(python) else {
            print("The package standardwebhooks is not asked: there is no .venv (scripts/test makes it).")
            return nil
        }
        return try await run(python, "EndToEndTests/Fixtures/standard_webhooks.py", cases)
    }

    private static func run(_ python: String, _ script: String, _ cases: [Case]) async throws -> [Bool] {
        var lines: [UInt8] = []
        for one in cases {
            var json = JSONWriter()
            json.object { json in
                json.member("header", one.header)
                json.member("id", one.id)
                json.member("timestamp", one.timestamp)
                json.member("signature", one.signature)
                json.member("body", Hex.encode(one.body))
                json.member("secret", one.secret)
                if let now = one.now { json.member("now", now) }
            }
            lines += json.bytes + [0x0A]
        }
        let folder = try TestFolders.temporary("verify")
        let file = "\(folder)/cases.jsonl"
        guard let stream = fopen(file, "w") else { throw SpawnError("cannot write \(file)") }
        fwrite(lines, 1, lines.count, stream)
        fclose(stream)
        let process = try ProcessUnderTest(
            python, ["\(TestFolders.packageRoot)/Tests/\(script)", file], folder: folder, log: "verify")
        guard await process.end(within: .seconds(20)) == .exited(0) else {
            throw SpawnError("\(script): \(process.errors)")
        }
        return process.output.split(separator: "\n").map { $0 == "True" }
    }
}
