import Encodings
import EventCodec
import TestSupport
import Testing

extension EndToEnd {
    /// What a developer who debugs a delivery does: webhooks, tests, traces, the audit, and the doctor, by the tool.
    @Suite struct InsightTests {
        private func json(_ result: Installation.ToolResult) throws -> JSONValue {
            #expect(result.code == 0, "\(result.output) \(result.errors)")
            return try JSONValue(parsing: Array(result.output.utf8), limits: JSONLimits(depth: 64))
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `a webhook is made, tested and traced with the tool`(backbone: TestBackbone) async throws {
            let installation = try await Shared.installation(backbone)
            let receiver = try TestReceiver { request in
                [.answer(request.header("X-IC-Event-Type") == "insight.bad" ? 500 : 200, body: "seen")]
            }
            defer { receiver.stop() }
            let made = try json(
                await installation.tool([
                    "webhook", "create", receiver.url + "hook", "--event", "insight", "--schedule", "0",
                    "--description",
                    "ours", "--json",
                ]))
            let id = try #require(made["id"]?.string)
            #expect(made["secret"]?.string?.hasPrefix("whsec_") == true)
            let list = try await installation.tool(["webhook", "list"])
            #expect(list.output.contains("\(id)  active    \(receiver.url)hook  insight"), "\(list.output)")

            let tested = try await installation.tool(["webhook", "test", id])
            #expect(
                tested.code == 0 && tested.output.hasPrefix("delivered: 200 in "), "\(tested.output) \(tested.errors)")
            let good = try await installation.publish("insight.good")
            let bad = try await installation.publish("insight.bad")
            let other = try await installation.publish("sight.good")
            func traced(_ event: String, _ text: String) async throws -> String {
                try await eventually("the trace of \(event) has \(text)") {
                    let trace = try await installation.tool(["trace", event])
                    return trace.output.contains(text) ? trace.output : nil
                }
            }
            #expect(try await traced(good, "delivered  200").contains("\(id)  matched  \(receiver.url)hook"))
            #expect(try await traced(bad, "dead: exhausted").contains("1  dead  500"))
            #expect(try await traced(other, "\(id)  no: type").contains("sight.good"))

            let owed = try await installation.request("GET", "/v1/tenant/webhooks/\(id)/undelivered")
            let items = try JSONValue(parsing: owed.body)["data"]?.array ?? []
            #expect(items.map { $0["event_id"]?.string } == [bad])
            #expect(items.first?["state"]?.string == "dead")

            let rotated = try json(await installation.tool(["webhook", "rotate", id, "--overlap", "1h", "--json"]))
            #expect(rotated["secret"]?.string?.hasPrefix("whsec_") == true)
            #expect(rotated["data"]?.array.map { $0["state"]?.string } == ["current", "previous"])
            #expect(try await installation.tool(["webhook", "rotate", id, "--promote"]).code == 0)
            _ = try await installation.request("DELETE", "/v1/tenant/webhooks/\(id)")
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `dead letters are listed, sent again and thrown away with the tool, one by one and by a job`(
            backbone: TestBackbone
        ) async throws {
            let installation = try await Shared.installation(backbone)
            let receiver = try TestReceiver { _ in [.answer(500)] }
            let webhook = try await installation.watch(receiver, events: ["letters"], #""schedule":[0]"#)
            for number in 0..<5 { _ = try await installation.publish("letters.item", #"{"n":\#(number)}"#) }
            try await installation.waitForEnds([webhook])
            func letters(_ state: String) async throws -> [String] {
                let list = try await installation.tool([
                    "deadletter", "list", "--webhook", webhook.id, "--state", state, "--json",
                ])
                #expect(list.code == 0, "\(list.errors)")
                return try list.output.split(separator: "\n").compactMap {
                    try JSONValue(parsing: Array($0.utf8), limits: JSONLimits(depth: 64))["id"]?.string
                }
            }
            let all = try await letters("dead")
            #expect(all.count == 5)
            let shown = try await installation.tool(["deadletter", "list", "--webhook", webhook.id, "--count", "2"])
            #expect(shown.output.split(separator: "\n").count == 2)
            #expect(shown.output.contains("letters.item  \(webhook.id)  http_5xx (500)  1 attempts"), "\(shown.output)")
            let again = try await installation.tool(["deadletter", "redrive", all[0]])
            #expect(again.code == 0 && again.output.hasPrefix("sent again as dlv_"), "\(again.errors)")
            #expect(try await letters("redriven") == [all[0]])
            let unreasoned = try await installation.tool(["deadletter", "discard", all[1]])
            #expect(unreasoned.code == 2)
            let gone = try await installation.tool(["deadletter", "discard", all[1], "--reason", "by hand & gone"])
            #expect(gone.code == 0, "\(gone.errors)")
            let dry = try await installation.tool([
                "job", "start", "discard", "--webhook", webhook.id, "--dry-run",
            ])
            #expect(dry.code == 0 && dry.output.contains(" would be affected"), "\(dry.output) \(dry.errors)")
            let job = try await installation.tool([
                "job", "start", "discard", "--webhook", webhook.id, "--reason", "over", "--watch",
            ])
            #expect(job.code == 0, "\(job.output) \(job.errors)")
            #expect(job.output.split(separator: "\n").last?.contains("discard  done") == true, "\(job.output)")
            // What was sent again has failed again, and may have done so behind the job.
            #expect(Set(all[1...]).isDisjoint(with: try await letters("all")))
            let id = try #require(job.output.split(separator: " ").first.map(String.init))
            #expect(try await installation.tool(["job", "list"]).output.contains(id))
            #expect(try await installation.tool(["job", "watch", id]).code == 0)
            #expect(try await installation.tool(["job", "cancel", id]).errors.contains("409"))
            try await installation.delete(webhook)
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `a receiver verifies, and recomputes the hashes of the audit, by what the documentation says`(
            backbone: TestBackbone
        ) async throws {
            let installation = try await Shared.installation(backbone)
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let webhook = try await installation.watch(receiver, events: ["hashed"])
            for number in 0..<3 { _ = try await installation.publish("hashed.item", #"{"n":\#(number),"text":"é"}"#) }
            try await installation.waitForEnds([webhook])
            let export = try await installation.request("GET", "/v1/tenant/audit/export?webhook_id=\(webhook.id)")
            let rows = try export.body.split(separator: 0x0A).map { try JSONValue(parsing: Array($0)) }
            #expect(rows.count == 3)
            var audited: Set<String> = []
            for row in rows {
                audited.insert("\(row["payload_sha256"]?.string ?? "") \(row["headers_sha256"]?.string ?? "")")
            }
            let requests = receiver.requests.values
            #expect(Set(try await Documentation.hashes(of: requests)) == audited)
            for language in Documentation.Language.available {
                let verdicts = try await Documentation.verify(requests, secret: webhook.secret, in: language)
                #expect(verdicts == requests.map { _ in "true false" }, "\(language)")
            }
            try await installation.delete(webhook)
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `the doctor finds what is wrong, and nothing where all is well`(backbone: TestBackbone) async throws {
            let installation = try await Shared.batteredInstallation(backbone)
            let well = try await installation.tool(["doctor"])
            #expect(well.code == 0, "\(well.output) \(well.errors)")
            for subject in ["configuration", "master key", "postgres", "clock", "schema", "fanfare-matcher"] {
                #expect(well.output.contains("ok    \(subject)"), "\(subject): \(well.output)")
            }
            #expect(well.output.contains("ok    kafka") == (backbone == .kafka))
            try await installation.kill(.matcher)
            let ill = try await installation.tool(["doctor", "--json"])
            #expect(ill.code == 1)
            let findings = try ill.output.split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8)) }
            let failed = findings.filter { $0["level"]?.string == "failed" }
            #expect(failed.map { $0["subject"]?.string } == ["fanfare-matcher"])
            #expect(failed.first?["advice"]?.string?.contains("fanfare up") == true)
            try await installation.up()
            let elsewhere = try await installation.tool(["doctor", "--config", "\(installation.folder)/fanfare.conf"])
            #expect(elsewhere.code == 0, "\(elsewhere.output)")
            let nowhere = try Installation()
            #expect(try await nowhere.tool(["doctor"]).code == 3)
        }
    }
}

/// Samples of the documentation, run as they stand there.
enum Documentation {
    /// The blocks of a language in a document, in order.
    static func blocks(_ language: String, in document: String) -> [String] {
        let text = TestFolders.text(of: "\(TestFolders.packageRoot)/docs/\(document)")
        return text.components("\n```\(language)\n").dropFirst().map { $0.components("\n```")[0] + "\n" }
    }

    /// A language with a sample of a verifier in docs/delivery.md, and how its programs are run.
    enum Language: String, CaseIterable {
        case python, javascript

        var interpreter: String { self == .python ? "/usr/bin/python3" : "/usr/bin/node" }

        static var available: [Language] { allCases.filter { TestFolders.exists($0.interpreter) } }

        /// Behind the sample: prints for each request whether it is genuine, and whether it were with another body.
        var harness: String {
            switch self {
            case .python:
                """

                import json, sys
                for line in open(sys.argv[1]):
                    case = json.loads(line)
                    body, headers = bytes.fromhex(case["body"]), dict(case["headers"])
                    verdicts = (verify(headers, body, case["secret"]) and is_fresh(headers),
                                verify(headers, body + b" ", case["secret"]))
                    print(*(str(verdict).lower() for verdict in verdicts))

                """
            case .javascript:
                """

                for (const line of require("node:fs").readFileSync(process.argv[2], "utf8").trim().split("\\n")) {
                  const test = JSON.parse(line);
                  const headers = Object.fromEntries(test.headers.map(([name, value]) => [name.toLowerCase(), value]));
                  const body = Buffer.from(test.body, "hex");
                  console.log(verify(headers, body, test.secret), verify(headers, Buffer.concat([body, body]), test.secret));
                }

                """
            }
        }
    }

    /// What the verifier of docs/delivery.md says of each request.
    static func verify(
        _ requests: [ReceivedRequest], secret: String, in language: Language
    ) async throws -> [String] {
        guard let sample = blocks(language.rawValue, in: "delivery.md").first else {
            throw EndToEndError(description: "docs/delivery.md has no \(language)")
        }
        return try await run(sample + language.harness, by: language.interpreter, on: requests, secret: secret)
    }

    /// `payload_sha256 headers_sha256` of each request, by the functions in docs/api.md.
    static func hashes(of requests: [ReceivedRequest]) async throws -> [String] {
        guard let sample = blocks("python", in: "api.md").first(where: { $0.contains("def headers_sha256") }) else {
            throw EndToEndError(description: "docs/api.md has no sample of the hashes")
        }
        let harness = """

            import json, sys
            for line in open(sys.argv[1]):
                case = json.loads(line)
                print(payload_sha256(bytes.fromhex(case["body"])), headers_sha256(case["headers"]))

            """
        return try await run(sample + harness, by: "/usr/bin/python3", on: requests)
    }

    private static func run(
        _ program: String, by interpreter: String, on requests: [ReceivedRequest], secret: String = ""
    ) async throws -> [String] {
        let folder = try TestFolders.temporary("sample")
        let lines = requests.map { String(decoding: json($0, secret), as: UTF8.self) + "\n" }.joined()
        try Installation.append(program, to: "\(folder)/sample")
        try Installation.append(lines, to: "\(folder)/requests.jsonl")
        let process = try ProcessUnderTest(
            interpreter, ["\(folder)/sample", "\(folder)/requests.jsonl"], folder: folder, log: "run")
        guard await process.end(within: .seconds(20)) == .exited(0) else {
            throw EndToEndError(description: process.errors)
        }
        return process.output.split(separator: "\n").map(String.init)
    }

    private static func json(_ request: ReceivedRequest, _ secret: String) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member(
                "headers",
                array: { json in
                    for line in request.headerLines {
                        let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
                        json.array { json in
                            json.string(parts[0])
                            json.string(String((parts.count > 1 ? parts[1] : "").drop { $0 == " " }))
                        }
                    }
                })
            json.member("body", Hex.encode(request.body))
            json.member("secret", secret)
        }
        return json.bytes
    }
}

extension String {
    fileprivate func components(_ separator: String) -> [String] {
        var parts: [String] = []
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }
}

extension JSONValue {
    fileprivate var string: String? { if case .string(let text) = self { text } else { nil } }
    fileprivate var array: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }
}
