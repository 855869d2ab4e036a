import TestSupport
import Testing

extension EndToEnd {
    /// Endpoints that misbehave: each attempt is told by its class, and the others do not notice.
    @Suite struct EndpointTests {
        /// A way to misbehave, and what the audit calls it.
        private struct Fault {
            let name: String
            let errorClass: String
            let script: TestReceiver.Script

            init(_ name: String, _ errorClass: String, _ script: @escaping TestReceiver.Script) {
                self.name = name
                self.errorClass = errorClass
                self.script = script
            }
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `endpoints that stall, drip, reset, flood, redirect or fail do not touch a healthy one`(
            backbone: TestBackbone
        ) async throws {
            let installation = try await Shared.installation(backbone)
            let elsewhere = try TestReceiver { _ in [.answer(204)] }
            let target = elsewhere.url
            let faults = [
                Fault("stall", "timeout") { _ in [.hold] },
                // Slow enough that not even the status is known in time: a 2xx that is known counts.
                Fault("drip", "timeout") { _ in [.drip(Array("HTTP/1.1 200 OK\r\n\r\n".utf8), milliseconds: 200)] },
                Fault("reset", "reset") { _ in [.reset] },
                Fault("close", "reset") { _ in [.close] },
                Fault("flood", "too_large") { _ in
                    [
                        .send("HTTP/1.1 500 X\r\nContent-Length: 10737418240\r\n\r\n"),
                        .endless(Array(repeating: 0x78, count: 65_536)),
                    ]
                },
                Fault("redirect", "http_3xx") { _ in [.answer(302, headers: ["Location: \(target)"])] },
                Fault("fail", "http_5xx") { _ in [.answer(500, body: "no")] },
                Fault("nonsense", "protocol") { _ in [.send("SSH-2.0-x\r\n\r\n"), .close] },
            ]
            let healthy = try TestReceiver { _ in [.answer(204)] }
            let good = try await installation.watch(healthy, events: ["bad"])
            var bad: [(WatchedWebhook, Fault)] = []
            for fault in faults {
                let receiver = try TestReceiver(script: fault.script)
                let webhook = try await installation.watch(
                    receiver, events: ["bad"], #""schedule":[0],"timeout_s":1"#)
                bad.append((webhook, fault))
            }
            let load = LoadWriter(installation, count: 40, type: "bad.item", name: "bad")
            try await load.run()
            let clock = ContinuousClock()
            let start = clock.now
            _ = await healthy.requests.first(40)
            // None waits for those that take their whole second each.
            #expect(clock.now - start < .seconds(5))

            let webhooks = [good] + bad.map(\.0)
            #expect(try await installation.findings(webhooks, acknowledged: load.acknowledged) == [])
            let evidence = try await installation.evidence(webhooks, acknowledged: [])
            for (webhook, fault) in bad {
                let classes = Set(
                    evidence.attempts.filter { $0.endpoint == webhook.id }.map { $0.errorClass ?? "none" })
                #expect(classes == [fault.errorClass], "\(fault.name)")
                #expect(evidence.deadLetters.count { $0.endpoint == webhook.id } == 40, "\(fault.name)")
            }
            #expect(elsewhere.connections.values.isEmpty, "a redirect was followed")
            for webhook in webhooks { try await installation.delete(webhook) }
            elsewhere.stop()
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `a failing endpoint gets its schedule, then the event is a dead letter`(
            backbone: TestBackbone
        ) async throws {
            let installation = try await Shared.installation(backbone)
            let receiver = try TestReceiver { _ in [.answer(500)] }
            let webhook = try await installation.watch(receiver, events: ["failing"], #""schedule":[0,1,1]"#)
            let id = try await installation.publish("failing.a", #"{"exact":  [1.0]}"#)
            #expect(try await installation.findings([webhook], acknowledged: [.init(event: id)]) == [])
            let attempts = try await installation.attempts(event: id, webhook: webhook.id)
            #expect(attempts.map(\.verdict) == ["retrying", "retrying", "dead"])
            #expect(attempts.map(\.number) == [1, 2, 3])
            #expect(attempts.last?.reason == "exhausted")
            let letters = try await installation.evidence([webhook], acknowledged: []).deadLetters
            let stored = try await installation.request("GET", "/v1/events/\(id)").body
            #expect(letters.filter { $0.endpoint == webhook.id }.map(\.payload) == [stored])
            try await installation.delete(webhook)
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `Retry-After is obeyed, and a retry that succeeds ends the delivery`(
            backbone: TestBackbone
        ) async throws {
            let installation = try await Shared.installation(backbone)
            let times = TestCollector<ContinuousClock.Instant>()
            let receiver = try TestReceiver { _ in
                times.append(.now)
                return times.values.count == 1 ? [.answer(503, headers: ["Retry-After: 3"])] : [.answer(204)]
            }
            let webhook = try await installation.watch(receiver, events: ["later"], #""schedule":[0,1]"#)
            let id = try await installation.publish("later.a")
            let seen = await times.first(2)
            #expect(seen[1] - seen[0] >= .seconds(3))
            #expect(seen[1] - seen[0] < .seconds(9))
            #expect(try await installation.findings([webhook], acknowledged: [.init(event: id)]) == [])
            #expect(try await installation.verdicts(event: id, webhook: webhook.id) == ["retrying", "delivered"])
            try await installation.delete(webhook)
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `410 disables the endpoint`(backbone: TestBackbone) async throws {
            let installation = try await Shared.installation(backbone)
            let receiver = try TestReceiver { _ in [.answer(410)] }
            let webhook = try await installation.watch(receiver, events: ["gone", "endpoint"])
            let listener = try TestReceiver { _ in [.answer(204)] }
            let watcher = try await installation.watch(listener, events: ["endpoint"])
            let id = try await installation.publish("gone.a")
            try await eventually("the webhook is disabled") {
                let answer = try await installation.request("GET", "/v1/tenant/webhooks/\(webhook.id)")
                return try installation.string("status", of: answer) == "disabled"
            }
            let later = try await installation.publish("gone.b")
            let attempts = try await installation.attempts(event: id, webhook: webhook.id)
            #expect(attempts.map(\.verdict) == ["dead"])
            #expect(attempts.last?.reason == "endpoint_disabled")
            try await eventually("the later event is fanned out") {
                try await installation.request("GET", "/v1/events/\(later)").status == 200
            }
            #expect(receiver.requests.values.allSatisfy { $0.header("X-IC-Event-Id") != later })
            // Others are told, the endpoint itself is not.
            try await eventually("somebody else is told") {
                listener.requests.values.contains {
                    $0.header("X-IC-Event-Type") == "endpoint.disabled"
                        && String(decoding: $0.body, as: UTF8.self).contains(webhook.id)
                }
            }
            #expect(
                receiver.requests.values.allSatisfy {
                    !String(decoding: $0.body, as: UTF8.self).contains(webhook.id)
                })
            let health = try await installation.request("GET", "/v1/tenant/webhooks/\(webhook.id)/health")
            #expect(try installation.string("status_reason", of: health) == "gone")
            try await installation.delete(webhook)
            try await installation.delete(watcher)
        }
    }
}
