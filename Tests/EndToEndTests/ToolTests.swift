internal import EventCodec
internal import Foundation
internal import TestSupport
internal import Testing

/// The commands that talk to a running installation.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ToolTests {
    static let shared = AsyncOnce { try await Installation.start() }

    func installation() async throws -> Installation { try await Self.shared.value() }

    @Test func `an emitted event is on the feed and in the tail`() async throws {
        let installation = try await installation()
        let tail = try installation.startTool([
            "tail", "--type", "end.to.end", "--since", "1h", "--count", "2", "--json",
        ])
        let first = try await installation.tool(["emit", "end.to.end", #"{"n":1}"#, "--smith", "smt_1"])
        #expect(first.code == 0, "\(first.errors)")
        let id = first.output.filter { $0 != "\n" }
        _ = try await installation.tool(["emit", "run.completed"])
        _ = try await installation.tool(["emit", "end.to.end", #"{"n":2}"#])
        #expect(await tail.end(within: .seconds(20)) == .exited(0))
        let lines = tail.output.split(separator: "\n").map(String.init)
        #expect(lines.count == 2)
        let page = try await installation.request("GET", "/v1/events/\(id)")
        #expect(page.text == lines.first)
        #expect(lines.first?.contains(#""smith_id":"smt_1","data":{"n":1}}"#) == true)
    }

    @Test func `a key makes the second emission a duplicate`() async throws {
        let installation = try await installation()
        let first = try await installation.tool(["emit", "end.keyed", "--key", "k1", "--json"])
        let second = try await installation.tool(["emit", "end.keyed", "--key", "k1", "--json"])
        #expect(first.output.contains(#""duplicate":false"#))
        #expect(second.output == first.output.replacing("false", with: "true"))
    }

    @Test func `a trigger is tried, applied, replaced and listed from a file`() async throws {
        let installation = try await installation()
        let folder = try TestFolders.temporary("triggers")
        let file = "\(folder)/tickets.yaml"
        func write(_ action: String) throws {
            try "trigger:\n  name: from a file\n  match: {jsonpath: $.kind, equals: a}\n  action: {\(action)}\n"
                .write(toFile: file, atomically: true, encoding: .utf8)
        }
        try write("agent: x")
        let wrong = try await installation.tool(["trigger", "apply", "-f", file])
        #expect(wrong.code == 2)
        #expect(wrong.errors.contains("\(file):4:19: "), "\(wrong.errors)")
        try write("agent_id: first")
        let dry = try await installation.tool(["trigger", "dry-run", "-f", file, #"{"kind":"a"}"#])
        #expect(dry.code == 0 && dry.output.contains(#""agent_id":"first""#), "\(dry.errors)")
        let not = try await installation.tool(["trigger", "dry-run", "-f", file, #"{"kind":"b"}"#])
        #expect(not.code == 1 && not.output.contains("$.kind"), "\(not.output)")
        let made = try await installation.tool(["trigger", "apply", "-f", file, "--json"])
        #expect(made.code == 0, "\(made.errors)")
        try write("agent_id: second")
        let replaced = try await installation.tool(["trigger", "apply", "-f", file, "--json"])
        let (one, two) = (
            try JSONValue(parsing: Array(made.output.utf8)), try JSONValue(parsing: Array(replaced.output.utf8))
        )
        #expect(one["id"] == two["id"] && one["id"] != nil)
        #expect(one["secret"] != nil && two["secret"] == nil)
        #expect(two["trigger"]?["action"]?["agent_id"] == .string("second"))
        let list = try await installation.tool(["trigger", "list"])
        #expect(list.output.split(separator: "\n").count { $0.contains("from a file") } == 1)
    }

    @Test func `a tail goes on where it was when the feed is back`() async throws {
        let installation = try await Installation.start()
        let tail = try installation.startTool(["tail", "--type", "end.resumed", "--since", "1h", "--count", "3"])
        _ = try await installation.publish("end.resumed", #"{"n":1}"#)
        try await tail.waitForOutput(#"{"n":1}"#)
        try await installation.kill(.feed)
        _ = try await installation.publish("end.resumed", #"{"n":2}"#)
        try await installation.up()
        _ = try await installation.publish("end.resumed", #"{"n":3}"#)
        #expect(await tail.end(within: .seconds(30)) == .exited(0))
        let numbers = tail.output.split(separator: "\n").compactMap { $0.split(separator: " ").last.map(String.init) }
        #expect(numbers == [#"{"n":1}"#, #"{"n":2}"#, #"{"n":3}"#])
        try await installation.down()
    }

    @Test func `listening signs, verifies and posts without a webhook`() async throws {
        let installation = try await installation()
        let receiver = try TestReceiver { _ in [.answer(204)] }
        defer { receiver.stop() }
        let printing = try installation.startTool(["listen", "--events", "end.listened", "--count", "1"])
        let posting = try installation.startTool([
            "listen", "--events", "end.listened", "--count", "1", "--forward-to", receiver.url,
        ])
        try await printing.waitForOutput("Listening")
        try await posting.waitForOutput("Listening")
        let event = try await installation.publish("end.listened")
        #expect(await printing.end(within: .seconds(20)) == .exited(0))
        #expect(await posting.end(within: .seconds(20)) == .exited(0))
        #expect(printing.output.contains("  verified: "))
        #expect(posting.output.contains("\n  204 in "))
        let request = try #require(receiver.requests.values.first)
        #expect(request.header("webhook-id") == event)
    }

    @Test func `the demonstration shows a verified delivery and cleans up`() async throws {
        let installation = try await installation()
        let result = try await installation.tool(["demo"])
        #expect(result.code == 0, "\(result.errors)")
        #expect(result.output.contains("x-ic-signature: t="))
        #expect(result.output.contains("Signature verified"))
        #expect(result.output.contains("What next"))
        let webhooks = try await installation.request("GET", "/v1/tenant/webhooks")
        #expect(!webhooks.text.contains("fanfare demo"))
    }

    @Test func `a made token works until it is revoked`() async throws {
        let installation = try await installation()
        let made = try await installation.tool([
            "token", "create", "--scope", "events:read", "--label", "test", "--json",
        ])
        let value = try JSONValue(parsing: Array(made.output.utf8))
        guard case .string(let id)? = value["id"], case .string(let token)? = value["token"] else {
            Issue.record("\(made.output) \(made.errors)")
            return
        }
        let refused = try await installation.tool(["emit", "run.failed", "--token", token])
        #expect(refused.code == 1)
        #expect(refused.errors.contains("403"))
        #expect(try await installation.tool(["token", "list"]).output.contains(id))
        let tail = try await installation.tool(["tail", "--since", "1h", "--count", "1", "--token", token])
        #expect(tail.code == 0)
        #expect(try await installation.tool(["token", "revoke", id]).code == 0)
        #expect(try await installation.tool(["token", "revoke", id]).code == 1)
        try await eventually("the token is refused") {
            try await installation.tool(["tail", "--since", "1h", "--count", "1", "--token", token]).code == 1
        }
    }

    @Test func `a tenant of its own sees nothing of the others`() async throws {
        let installation = try await installation()
        let made = try await installation.tool(["tenant", "create", "Second", "--id", "second", "--json"])
        guard case .string(let token)? = try JSONValue(parsing: Array(made.output.utf8))["token"] else {
            Issue.record("\(made.output) \(made.errors)")
            return
        }
        #expect(try await installation.tool(["tenant", "create", "Second", "--id", "second"]).code == 1)
        let event = try await installation.publish("end.private")
        let answer = try await installation.request("GET", "/v1/events/\(event)", headers: [])
        #expect(answer.status == 200)
        let other = try await TestHTTP.request(
            port: installation.status.feedPort, "/v1/events/\(event)", headers: [("Authorization", "Bearer \(token)")])
        #expect(other.status == 404)
    }

    @Test func `a benchmark counts every event once`() async throws {
        let installation = try await installation()
        let result = try await installation.tool(
            ["bench", "--events", "500", "--warm-up", "50", "--no-harness", "--fanout", "2", "--json"])
        #expect(result.code == 0, "\(result.output) \(result.errors)")
        let report = try JSONValue(parsing: Array(result.output.utf8))["installation"]
        #expect(report?["missing"] == .number(JSONNumber(0)))
        #expect(report?["duplicates"] == .number(JSONNumber(0)))
        #expect(report?["delivered"] == .number(JSONNumber(1000)))
    }
}
