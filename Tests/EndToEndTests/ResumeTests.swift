import EventCodec
import TestSupport
import Testing

extension EndToEnd {
    /// Webhooks that their endpoints switched off, and that come back.
    @Suite struct ResumeTests {
        private static let missed: Int64 = 30

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `a webhook that comes back goes on where it stopped or at now, as it is asked`(
            backbone: TestBackbone
        ) async throws {
            let installation = try await Shared.installation(backbone)
            let isBack = TestValue(false)
            let receivers = try (0..<2).map { _ in
                try TestReceiver { _ in isBack.value ? [.answer(204)] : [.answer(410)] }
            }
            var webhooks: [WatchedWebhook] = []
            for receiver in receivers { webhooks.append(try await installation.watch(receiver, events: ["resumed"])) }
            let (stopped, now) = (webhooks[0], webhooks[1])
            _ = try await installation.publish("resumed.first")
            for webhook in webhooks {
                try await eventually("410 has disabled it") {
                    let answer = try await installation.request("GET", "/v1/tenant/webhooks/\(webhook.id)")
                    return try installation.string("status", of: answer) == "disabled"
                }
            }
            let load = LoadWriter(installation, count: Int(Self.missed), type: "resumed.missed", name: "resumed")
            try await load.run()
            // What is stored after the webhook is active again is matched by it.
            try await installation.waitForEnds([], feedHas: load.acknowledged)
            isBack.value = true

            let atNow = try await activate(now, "", installation)
            #expect(atNow["resume_job"] == nil)
            let resumed = try await activate(stopped, #","resume":"stopped""#, installation)
            guard case .string(let job)? = resumed["resume_job"] else {
                throw EndToEndError(description: "no job resumes it: \(resumed)")
            }
            let after = try await installation.publish("resumed.after")
            let done = try await installation.jobEnd(job)
            #expect(done["state"] == .string("done"))
            #expect(done["delivered"] == .number(JSONNumber(Self.missed)))

            let expected = load.acknowledged.map(\.event) + [after]
            try await eventually("all that it missed has come") {
                Set(expected).isSubset(of: Set(events(at: receivers[0])))
            }
            try await eventually("what came afterwards has come") { events(at: receivers[1]).contains(after) }
            // The first one was answered with 410, and is a dead letter.
            #expect(events(at: receivers[0]).dropFirst().sorted() == expected.sorted(), "each once")
            #expect(events(at: receivers[1]).dropFirst() == [after])
            let jobs = try await installation.request("GET", "/v1/tenant/jobs?webhook_id=\(now.id)")
            #expect(try JSONValue(parsing: jobs.body)["data"] == .array([]))
            for webhook in webhooks { try await installation.delete(webhook) }
        }

        private func activate(
            _ webhook: WatchedWebhook, _ members: String, _ installation: Installation
        ) async throws -> JSONValue {
            let answer = try await installation.request(
                "PATCH", "/v1/tenant/webhooks/\(webhook.id)", #"{"active":true\#(members)}"#)
            #expect(answer.status == 200, "\(answer.text)")
            return try JSONValue(parsing: answer.body)
        }

        private func events(at receiver: TestReceiver) -> [String] {
            receiver.requests.values.compactMap { $0.header("X-IC-Event-Id") }
        }
    }
}
