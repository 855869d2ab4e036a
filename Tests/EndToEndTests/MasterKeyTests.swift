import Crypto
import TestSupport
import Testing

extension EndToEnd {
    /// Another master key takes the place of one, and no secret is lost on the way.
    @Suite struct MasterKeyTests {
        @Test(.timeLimit(.minutes(3)))
        func `a new master key takes over while services run, and the old one opens nothing any more`() async throws {
            let installation = try await Installation.start()
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let webhook = try await installation.watch(receiver, events: ["sealed"])
            let door = try await installation.integrate("github", #"{"webhook_secrets":["s"]}"#)
            let file = "\(installation.folder)/master-key"
            let old = TestFolders.text(of: file).filter { !$0.isWhitespace }
            let new = MasterKey.generate().text

            // Both, the new one first.
            try await installation.restart(masterKeys: "\(new)\n\(old)\n")
            let during = try await installation.watch(receiver, events: ["sealed"])
            try await Self.expectDeliveries(installation, receiver, [webhook, during], count: 2)
            let dry = try await installation.tool(["key", "rewrap", "--dry-run"])
            let first = try await installation.tool(["key", "rewrap"])
            let again = try await installation.tool(["key", "rewrap"])
            #expect(dry.code == 0 && first.code == 0 && again.code == 0)
            #expect(
                dry.output.contains("would be sealed anew") && !first.output.hasPrefix("0 secrets"), "\(first.output)")
            #expect(again.output.hasPrefix("0 secrets sealed anew"), "\(again.output)")
            try await Self.expectDeliveries(installation, receiver, [webhook, during], count: 4)

            // The old one has nothing to open.
            try await installation.restart(masterKeys: "\(new)\n")
            try await Self.expectDeliveries(installation, receiver, [webhook, during], count: 6)
            let code = HMACKey(Array("s".utf8)).authenticationCode(for: Array("{}".utf8))
            let pushed = try await eventually("the door takes a push") {
                let answer = try await TestHTTP.request(
                    "POST", port: installation.status.ingestPort, door.path,
                    headers: [
                        ("Content-Type", "application/json"), ("X-GitHub-Event", "ping"), ("X-GitHub-Delivery", "d"),
                        ("X-Hub-Signature-256", "sha256=\(code)"),
                    ], body: Array("{}".utf8))
                return answer.status == 404 || answer.status == 503 ? nil : answer.status
            }
            #expect(pushed == 200)
            let without = try await installation.tool([
                "key", "rewrap", "--master-key-file", "\(installation.folder)/old-key",
            ])
            #expect(without.code == 1)
            try Installation.append("\(old)\n", to: "\(installation.folder)/old-key")
            let closed = try await installation.tool(
                ["key", "rewrap", "--dry-run", "--master-key-file", "\(installation.folder)/old-key"])
            #expect(closed.code == 1 && closed.errors.contains("which is not given"), "\(closed.errors)")
            try await installation.down()
        }

        /// An event reaches both webhooks with signatures that fit the secrets their owners were told.
        private static func expectDeliveries(
            _ installation: Installation, _ receiver: TestReceiver, _ webhooks: [WatchedWebhook], count: Int
        ) async throws {
            _ = try await installation.publish("sealed.one")
            let requests = await receiver.requests.first(count).suffix(webhooks.count)
            try await Verifiers.check(
                try requests.map { request in
                    let id = request.header("X-IC-Webhook-Id")
                    let webhook = try #require(webhooks.first { $0.id == id })
                    return (request, webhook.secret)
                })
        }
    }
}

extension Installation {
    fileprivate func restart(masterKeys: String) async throws {
        try await down()
        try Self.replace("\(folder)/master-key", by: masterKeys)
        try await up()
    }
}
