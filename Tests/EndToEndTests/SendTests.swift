import EventCodec
import TestSupport
import Testing

extension EndToEnd {
    /// The tool makes integrations and sends to them as their vendors would.
    @Suite struct SendTests {
        private struct Sender: Sendable {
            let name: String
            let body: String
            let type: String
            /// Whether the answer is the platform's own receipt.
            var hasReceipt = true
        }

        private static let senders = [
            Sender(
                name: "github", body: #"{"action":"opened","pull_request":{"number":1}}"#,
                type: "github.pull_request.opened"),
            Sender(name: "gitlab", body: #"{"object_kind":"push"}"#, type: "gitlab.push", hasReceipt: false),
            Sender(name: "gitee", body: #"{"hook_name":"push_hooks","hook_id":1}"#, type: "gitee.push"),
            Sender(name: "gerrit", body: #"{"type":"change-merged"}"#, type: "gerrit.change-merged"),
            Sender(
                name: "lark",
                body: #"{"schema":"2.0","header":{"event_id":"e1","event_type":"im.message.receive_v1","app_id":"a"}}"#,
                type: "lark.im.message.receive_v1", hasReceipt: false),
            Sender(
                name: "wecom", body: "<xml><MsgType>text</MsgType><MsgId>7</MsgId></xml>", type: "wecom.text",
                hasReceipt: false),
        ]

        /// `--secret NAME=VALUE` for each secret that was shown.
        private func options(_ secrets: JSONValue?) -> [String] {
            guard case .object(let members)? = secrets else { return [] }
            return members.flatMap { member -> [String] in
                switch member.value {
                case .string(let text): ["--secret", "\(member.key)=\(text)"]
                case .array(let values):
                    values.flatMap { value -> [String] in
                        if case .string(let text) = value { ["--secret", "\(member.key)=\(text)"] } else { [] }
                    }
                default: []
                }
            }
        }

        private func file(_ body: String, _ name: String, _ installation: Installation) throws -> String {
            let path = "\(installation.folder)/sample-\(name)"
            try Installation.append(body, to: path)
            return path
        }

        private func events(_ type: String, _ installation: Installation) async throws -> Int {
            let answer = try await installation.request("GET", "/v1/events?type=\(type)")
            guard case .array(let events)? = try JSONValue(parsing: answer.body)["data"] else { return -1 }
            return events.count
        }

        /// With Kafka an event is acknowledged before it is on the feed.
        private func expect(_ count: Int, _ type: String, _ installation: Installation) async throws {
            try await eventually("\(type) is on the feed") { try await events(type, installation) >= count }
            #expect(try await events(type, installation) == count, "\(type)")
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `what the tool makes, signs and posts is on the feed once`(backbone: TestBackbone) async throws {
            let installation = try await Shared.installation(backbone)
            for sender in Self.senders {
                let made = try await installation.tool(["integration", "create", sender.name, "--json"])
                #expect(made.code == 0, "\(made.errors)")
                let integration = try JSONValue(parsing: Array(made.output.utf8))
                guard case .string(let id)? = integration["id"] else { throw EndToEndError(description: made.output) }
                let path = try file(sender.body, sender.name, installation)
                // Other tests' events of this type are on the feed too.
                let before = try await events(sender.type, installation)
                let arguments = ["send", path, "--as", sender.name, "--to", id, "--id", "sample-1"]
                let sent = try await eventually("ingest knows the integration") {
                    let sent = try await installation.tool(arguments + options(integration["secrets"]))
                    return sent.output.hasPrefix("404") ? nil : sent
                }
                #expect(sent.code == 0, "\(sender.name): \(sent.output) \(sent.errors)")
                let again = try await installation.tool(arguments + options(integration["secrets"]))
                #expect(again.code == 0, "\(sender.name): \(again.output)")
                if sender.hasReceipt { #expect(again.output.contains(#""duplicate":true"#), "\(again.output)") }
                try await expect(before + 1, sender.type, installation)

                // The old secret is taken for a while, somebody else's never.
                let rotated = try await installation.tool(["integration", "rotate", id, "--json"])
                #expect(rotated.code == 0, "\(rotated.errors)")
                let old = try await installation.tool(arguments + options(integration["secrets"]))
                #expect(old.code == 0, "\(sender.name): \(old.output)")
                let new = try JSONValue(parsing: Array(rotated.output.utf8))
                let fresh = try await eventually("ingest knows the new secret") {
                    let fresh = try await installation.tool(arguments + options(new["secrets"]))
                    return fresh.code == 0 ? fresh : nil
                }
                #expect(fresh.code == 0)
            }
            let wrong = try await installation.tool([
                "send", try file("{}", "wrong", installation), "--as", "github", "--secret", "nobody's",
            ])
            #expect(wrong.code == 1)
            #expect(wrong.output.hasPrefix("401"))
            let list = try await installation.tool(["integration", "list"])
            #expect(list.output.split(separator: "\n").count == Self.senders.count)
            let rows = try await installation.rows(
                of: "select distinct channel from fanfare.webhook_audit where direction = 'inbound'")
            #expect(rows.count >= 1)
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `AgentGate and FormBridge reach the seed's path`(backbone: TestBackbone) async throws {
            let installation = try await Shared.installation(backbone)
            let cases = [
                ("agentgate", #"{"event":"request.approved","data":{"requestId":"r"}}"#, "approval_granted"),
                ("formbridge", #"{"submissionId":"s","intakeId":"i","state":"submitted"}"#, "form_completed"),
            ]
            for (product, body, type) in cases {
                let made = try await installation.tool(["integration", "create", product, "--secret", "ours", "--json"])
                #expect(made.code == 0, "\(made.errors)")
                let path = try file(body, product, installation)
                let before = try await events(type, installation)
                for target in [[], ["--to", installation.status.workspace]] {
                    let sent = try await eventually("ingest knows the secret") {
                        let sent = try await installation.tool(
                            ["send", path, "--as", product, "--secret", "ours"] + target)
                        return sent.output.hasPrefix("500") ? nil : sent
                    }
                    #expect(sent.code == 0, "\(sent.output) \(sent.errors)")
                    #expect(sent.output.contains(#""eventType":"\#(type)""#))
                }
                try await expect(before + 2, type, installation)
            }
        }
    }
}
