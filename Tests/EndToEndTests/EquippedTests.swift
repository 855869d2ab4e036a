import EventCodec
import TestSupport
import Testing

extension EndToEnd {
    /// What few webhooks have, on the wire.
    @Suite struct EquippedTests {
        private func text(_ bytes: [UInt8]) -> String {
            var json = JSONWriter()
            json.string(String(decoding: bytes, as: UTF8.self))
            return String(decoding: json.bytes, as: UTF8.self)
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `an endpoint that demands a client certificate gets it, and only from whoever has it`(
            backbone: TestBackbone
        ) async throws {
            let installation = try await Shared.installation(backbone)
            let certificates = try await TestCertificates.make()
            var identity = certificates.server
            identity.clientCAFile = certificates.authorityFile
            let receiver = try TestReceiver(tls: identity) { _ in [.answer(204)] }
            let authority = #""ca_bundle":\#(text(certificates.authority))"#
            let client = certificates.client
            let known = try await installation.watch(
                receiver, events: ["mutual"],
                """
                \(authority),"client_certificate":{"certificate":\(text(client.certificate)),"key":\(text(client.key))},
                "headers":{"X-Team":"blue"},"v1a":true,"schedule":[0]
                """)
            let unknown = try await installation.watch(receiver, events: ["mutual"], #"\#(authority),"schedule":[0]"#)
            let untrusting = try await installation.watch(receiver, events: ["mutual"], #""schedule":[0]"#)
            for name in ["mutual.a", "mutual.b"] {
                let id = try await installation.publish(name)
                for (webhook, verdict) in [(known, "delivered"), (unknown, "dead"), (untrusting, "dead")] {
                    try await eventually("the delivery has its end") {
                        try await installation.verdicts(event: id, webhook: webhook.id) == [verdict]
                    }
                    let attempts = try await installation.attempts(event: id, webhook: webhook.id)
                    #expect(attempts.last?.errorClass == (verdict == "dead" ? "tls" : nil))
                }
            }
            let requests = receiver.requests.values
            #expect(requests.map { $0.header("X-IC-Webhook-Id") } == [known.id, known.id])
            #expect(requests.map(\.connection).first == requests.map(\.connection).last, "its connection is kept")
            for request in requests {
                #expect(request.header("X-Team") == "blue")
                #expect(request.header("webhook-signature")?.contains(" v1a,") == true)
            }
            try await Verifiers.check(requests.map { ($0, known.secret) })
            for webhook in [known, unknown, untrusting] { try await installation.delete(webhook) }
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `nothing is matched for a webhook before its endpoint has answered`(backbone: TestBackbone) async throws {
            let installation = try await Shared.installation(backbone)
            let isUp = TestValue(false)
            let receiver = try TestReceiver { _ in [.answer(isUp.value ? 204 : 503)] }
            let webhook = try await installation.watch(receiver, events: ["early"], #""verify":true"#)
            _ = try #require(await receiver.requests.first(1).first)
            _ = try await installation.publish("early.a")
            isUp.value = true
            let answer = try await installation.request("POST", "/v1/tenant/webhooks/\(webhook.id)/verify")
            #expect(try installation.string("status", of: answer) == "active")
            let later = try await installation.publish("early.b")
            try await eventually("the event is delivered") {
                try await installation.verdicts(event: later, webhook: webhook.id) == ["delivered"]
            }
            let types = receiver.requests.values.map { $0.header("X-IC-Event-Type") }
            #expect(types == ["webhook.test", "webhook.test", "early.b"])
            try await installation.delete(webhook)
        }
    }
}
