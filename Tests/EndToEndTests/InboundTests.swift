import Crypto
import EventCodec
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Other people's webhooks at the doors of a whole installation.
    @Suite struct InboundTests {
        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `messages that vendors' packages make are taken, once, and forged ones are not`(
            backbone: TestBackbone
        ) async throws {
            let python = "\(TestFolders.packageRoot)/.venv/bin/python"
            guard TestFolders.exists(python) else {
                print("Vendors' packages are not asked: there is no .venv (scripts/test makes it).")
                return
            }
            let installation = try await Shared.installation(backbone)
            let (larkKey, larkToken) = ("ek_\(backbone)", "vt_\(backbone)")
            let lark = try await installation.integrate(
                "lark", #"{"encrypt_key":"\#(larkKey)","verification_token":"\#(larkToken)"}"#)
            let wecom = try await installation.integrate("wecom", #"{"receive_id":"corp"}"#)
            let gitlab = try await installation.integrate("gitlab", "{}", config: #"{"require_signature":true}"#)
            let cases: [[String: String]] = [
                ["vendor": "lark", "url": lark.url, "encrypt_key": larkKey, "token": larkToken],
                [
                    "vendor": "wecom", "url": wecom.url, "token": try wecom.secret("token"),
                    "key": try wecom.secret("encoding_aes_key"), "receive_id": "corp",
                ], ["vendor": "gitlab", "url": gitlab.url, "token": try gitlab.secret("signing_tokens")],
            ]
            let lines = try await Self.run(python, cases)
            #expect(
                lines == [
                    #"lark-challenge 200 {"challenge":"chal-1"}"#, #"lark-event 200 {"msg":"success"}"#,
                    #"lark-again 200 {"msg":"success"}"#, "lark-forged 401 refused", "wecom-echo 200 4711",
                    "wecom-event 200 ", "wecom-again 200 ", "wecom-forged 401 refused", "gitlab-event 200 ",
                    "gitlab-forged 401 refused",
                ])
            for (door, type) in [(lark, "lark.im.message.receive_v1"), (wecom, "wecom.text"), (gitlab, "gitlab.push")] {
                let events = try await installation.events(of: type, at: door)
                #expect(events.count == 1)
                try await installation.end(door)
            }
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `one delivery at two ingests, and after a restart, is one event`(backbone: TestBackbone) async throws {
            let installation = try await Shared.batteredInstallation(backbone)
            let door = try await installation.integrate("github", #"{"webhook_secrets":["s"]}"#)
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let webhook = try await installation.watch(receiver, events: ["github.push"])
            let another = try installation.startAnother(.ingest)
            try await another.ready()
            let path = door.path
            let ports = [installation.status.ingestPort, another.port]
            try await eventually("both ingests know the integration") {
                for port in ports {
                    let answer = try await Self.push(port, path, "probe", body: "{}", secret: "wrong")
                    if answer.status != 401 { return false }
                }
                return true
            }
            let statuses = try await withThrowingTaskGroup { group in
                for number in 0..<20 {
                    for port in ports {
                        group.addTask { try await Self.push(port, path, "guid-\(number)").status }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses == [Int](repeating: 200, count: 40))
            try await installation.kill(.ingest)
            try await installation.up()
            let port = installation.status.ingestPort
            try await eventually("the ingest is back") {
                try await Self.push(port, path, "probe", body: "{}", secret: "wrong").status == 401
            }
            for number in 0..<20 {
                let answer = try await Self.push(port, path, "guid-\(number)")
                #expect(answer.status == 200 && answer.text.contains(#""duplicate":true"#))
            }
            let last = try await Self.push(port, path, "guid-last")
            #expect(last.status == 200)
            let delivered = await receiver.requests.first(21).compactMap { $0.header("X-IC-Event-Id") }
            #expect(Set(delivered).count == 21)
            let events = try await installation.events(of: "github.push", at: door, count: 21)
            #expect(events.count == 21)
            try await installation.delete(webhook)
            try await installation.end(door)
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `kill -9 of ingest right after its answers takes no row of the audit along`(
            backbone: TestBackbone
        ) async throws {
            let installation = try await Shared.batteredInstallation(backbone)
            let door = try await installation.integrate("github", #"{"webhook_secrets":["s"]}"#)
            let port = installation.status.ingestPort
            func push(_ deliveries: [String]) async throws -> [String: String] {
                try await withThrowingTaskGroup(of: (String, TestAnswer).self) { group in
                    for delivery in deliveries {
                        group.addTask { (delivery, try await Self.push(port, door.path, delivery)) }
                    }
                    return try await group.reduce(into: [:]) { ids, answer in
                        #expect(answer.1.status == 200)
                        ids[answer.0] = Self.identifier(of: answer.1)
                    }
                }
            }
            let deliveries = (0..<20).map { "killed-\($0)" }
            let accepted = try await push(deliveries)
            let repeated = try await push(Array(deliveries.prefix(10)))
            try await installation.kill(.ingest)
            func rows(_ verdict: String) async throws -> [String: String] {
                let rows = try await installation.audit(
                    "direction=inbound&integration_id=\(door.id)&verdict=\(verdict)&limit=200")
                return Dictionary(
                    rows.map { row in
                        let delivery = Self.text(row["dedupe_key"])?.split(separator: ":").last ?? ""
                        return (String(delivery), Self.text(row["event_id"]) ?? "")
                    },
                    uniquingKeysWith: { "\($0) twice, \($1)" })
            }
            // A row comes with its event, in one transaction.
            let events = try await installation.events(of: "github.push", at: door, count: 20)
            #expect(events.count == 20)
            #expect(try await rows("accepted") == accepted)
            try await eventually("the duplicates' rows are there") { try await rows("duplicate").count >= 10 }
            #expect(try await rows("duplicate") == repeated)
            #expect(repeated.allSatisfy { accepted[$0.key] == $0.value })
            try await installation.up()
            try await installation.end(door)
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `what the API changes counts at the door within a second, and the audit tells of all`(
            backbone: TestBackbone
        ) async throws {
            let installation = try await Shared.installation(backbone)
            let port = installation.status.ingestPort
            let door = try await installation.integrate("github", #"{"webhook_secrets":["old"]}"#)
            let target = "/v1/tenant/integrations/\(door.id)"
            let first = try await Self.push(port, door.path, "a", secret: "old")
            #expect(first.status == 200)
            let rotated = try await installation.request(
                "POST", "\(target)/rotate", #"{"secrets":{"webhook_secrets":["new"]}}"#)
            #expect(rotated.status == 200)
            try await eventually("the new secret is taken", within: .seconds(1)) {
                try await Self.push(port, door.path, "b", secret: "new").status == 200
            }
            let overlapping = try await Self.push(port, door.path, "c", secret: "old")
            #expect(overlapping.status == 200)
            let limited = try await installation.request("PATCH", target, #"{"config":{"ip_allow":["192.0.2.1"]}}"#)
            #expect(limited.status == 200)
            try await eventually("the allow-list counts", within: .seconds(1)) {
                try await Self.push(port, door.path, "d", secret: "new").status == 403
            }
            try await installation.end(door)
            try await eventually("the door is gone", within: .seconds(1)) {
                try await Self.push(port, door.path, "d", secret: "new").status == 404
            }
            let audit = try await eventually("the audit has the refusal") {
                let rows = try await installation.audit("direction=inbound&integration_id=\(door.id)")
                return rows.contains { $0["reason"] == .string("address") } ? rows : nil
            }
            let verdicts = Set(audit.compactMap { Self.text($0["verdict"]) })
            #expect(verdicts.isSuperset(of: ["accepted", "refused"]))
            for row in audit {
                #expect(Self.text(row["direction"]) == "inbound" && Self.text(row["integration_id"]) == door.id)
                #expect(Self.text(row["source_ip"]) == "127.0.0.1" && Self.text(row["headers_sha256"])?.count == 64)
            }
            #expect(audit.contains { $0["event_id"] == .string(Self.identifier(of: first)) })
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `without Postgres the doors verify, and what is accepted is not lost`(backbone: TestBackbone) async throws
        {
            let installation = try await Shared.batteredInstallation(backbone)
            let door = try await installation.integrate("github", #"{"webhook_secrets":["s"]}"#)
            let port = installation.status.ingestPort
            try await installation.stopPostgres()
            let forged = try await Self.push(port, door.path, "away-1", secret: "wrong")
            #expect(forged.status == 401)
            let authentic = try await Self.push(port, door.path, "away-1")
            switch backbone {
            // The log is in Postgres: our fault, and the sender is asked to come again.
            case .postgres: #expect(authentic.status == 503 && authentic.header("retry-after") != nil)
            case .kafka: #expect(authentic.status == 200)
            }
            try await installation.up()
            try await eventually("the door accepts again", within: .seconds(60)) {
                try await Self.push(installation.status.ingestPort, door.path, "away-1").status == 200
            }
            let events = try await installation.events(of: "github.push", at: door)
            #expect(events.count == 1)
            try await eventually("the audit has caught up", within: .seconds(60)) {
                // Connections that broke answer 503 once.
                let rows = (try? await installation.audit("direction=inbound&integration_id=\(door.id)")) ?? []
                return rows.contains { Self.text($0["reason"]) == "signature_mismatch" }
            }
            try await eventually("the feed process is well again") {
                try await installation.request("DELETE", "/v1/tenant/integrations/\(door.id)").status == 204
            }
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `a push of twenty megabytes is taken whole`(
            backbone: TestBackbone
        ) async throws {
            let installation = try await Shared.installation(backbone)
            let door = try await installation.integrate("github", #"{"webhook_secrets":["s"]}"#)
            let port = installation.status.ingestPort
            let text = String(repeating: "0123456789abcdef", count: 20 << 16)
            let answer = try await Self.push(port, door.path, "large", body: #"{"ref":"large","text":"\#(text)"}"#)
            #expect(answer.status == 200, "\(answer.text)")
            let event = try await eventually("the push is on the feed") {
                let found = try await installation.request("GET", "/v1/events/\(Self.identifier(of: answer))")
                return found.status == 200 ? found : nil
            }
            #expect(event.body.count > 20 << 20)
            try await installation.end(door)
        }

        // MARK: -

        private static func push(
            _ port: Int, _ path: String, _ delivery: String, body: String = #"{"ref":"refs/heads/main"}"#,
            secret: String = "s"
        ) async throws -> TestAnswer {
            let code = HMACKey(Array(secret.utf8)).authenticationCode(for: Array(body.utf8))
            return try await TestHTTP.request(
                "POST", port: port, path,
                headers: [
                    ("Content-Type", "application/json"), ("X-GitHub-Event", "push"), ("X-GitHub-Delivery", delivery),
                    ("X-Hub-Signature-256", "sha256=\(code)"),
                ], body: Array(body.utf8))
        }

        private static func text(_ value: JSONValue?) -> String? {
            if case .string(let text)? = value { text } else { nil }
        }

        private static func identifier(of answer: TestAnswer) -> String {
            (try? JSONValue(parsing: answer.body)).flatMap { text($0["id"]) } ?? ""
        }

        private static func run(_ python: String, _ cases: [[String: String]]) async throws -> [String] {
            let folder = try TestFolders.temporary("vendors")
            let file = "\(folder)/cases.jsonl"
            let lines = try cases.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) }
            try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
            let script = "\(TestFolders.packageRoot)/Tests/EndToEndTests/Fixtures/vendor_messages.py"
            let process = try ProcessUnderTest(python, [script, file], folder: folder, log: "vendors")
            #expect(await process.end(within: .seconds(60)) == .exited(0), "\(process.errors)")
            return process.output.split(separator: "\n").map(String.init)
        }
    }
}

/// An integration as the API made it.
struct InboundDoorway: Sendable {
    let id: String
    let path: String
    let url: String
    private let secrets: JSONValue?

    init(_ answer: TestAnswer, ingestPort: Int) throws {
        let value = try JSONValue(parsing: answer.body)
        guard answer.status == 201, case .string(let id)? = value["id"], case .string(let path)? = value["path"] else {
            throw EndToEndError(description: "making an integration: \(answer.status) \(answer.text)")
        }
        self.id = id
        self.path = path
        url = "http://127.0.0.1:\(ingestPort)\(path)"
        secrets = value["secrets"]
    }

    /// The secret of that name, or the first of its list.
    func secret(_ name: String) throws -> String {
        switch secrets?[name] {
        case .string(let text)?: return text
        case .array(let values)?: if case .string(let text)? = values.first { return text }
        default: break
        }
        throw EndToEndError(description: "the answer has no secret \(name)")
    }
}

extension Installation {
    /// Makes an integration, and returns when its door is open.
    func integrate(_ channel: String, _ secrets: String, config: String = "{}") async throws -> InboundDoorway {
        let answer = try await request(
            "POST", "/v1/tenant/integrations", #"{"channel":"\#(channel)","secrets":\#(secrets),"config":\#(config)}"#)
        let door = try InboundDoorway(answer, ingestPort: status.ingestPort)
        try await eventually("the door of \(channel) is open", within: .seconds(1)) {
            try await TestHTTP.request(
                "POST", port: self.status.ingestPort, door.path, headers: [("Content-Type", "application/json")],
                body: Array("{}".utf8)
            ).status != 404
        }
        return door
    }

    func end(_ door: InboundDoorway) async throws {
        let answer = try await request("DELETE", "/v1/tenant/integrations/\(door.id)")
        guard answer.status == 204 else {
            throw EndToEndError(description: "ending an integration: \(answer.status) \(answer.text)")
        }
    }

    /// The envelopes of a type that came through a door, once there are so many: on Kafka the feed follows the answer.
    func events(of type: String, at door: InboundDoorway, count: Int = 1) async throws -> [JSONValue] {
        try await eventually("\(count) of \(type) on the feed") {
            let page = try JSONValue(parsing: try await self.request("GET", "/v1/events?type=\(type)&limit=1000").body)
            guard case .array(let all)? = page["data"] else { return nil }
            let events = all.filter { $0["data"]?["integration_id"] == .string(door.id) }
            return events.count >= count ? events : nil
        }
    }

    func audit(_ query: String) async throws -> [JSONValue] {
        let answer = try await request("GET", "/v1/tenant/audit?\(query)")
        guard answer.status == 200, case .array(let rows)? = try JSONValue(parsing: answer.body)["data"] else {
            throw EndToEndError(description: "reading the audit: \(answer.status) \(answer.text)")
        }
        return rows
    }
}
