import TestSupport
import Testing

extension EndToEnd {
    @Suite struct RotationTests {
        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `receivers change over to a new secret one after the other`(backbone: TestBackbone) async throws {
            let installation = try await Shared.installation(backbone)
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let webhook = try await installation.watch(receiver, events: ["rotated"])
            func rotate(_ body: String) async throws -> String {
                let answer = try await installation.request("POST", "/v1/tenant/webhooks/\(webhook.id)/rotate", body)
                #expect(answer.status == 200, "\(answer.text)")
                return try installation.string("secret", of: answer)
            }
            /// What the holders of the secrets make of the next delivery: once the workers know of the change.
            func expect(_ expected: [(secret: String, verdict: [Bool])]) async throws {
                try await eventually("deliveries are signed as expected") {
                    let count = receiver.requests.values.count
                    _ = try await installation.publish("rotated.a")
                    let request = try #require(await receiver.requests.first(count + 1).last)
                    for (secret, verdict) in expected {
                        let found = try await Verifiers.verdict(request, secret)
                        guard found == Array(verdict.prefix(found.count)) else { return false }
                    }
                    return true
                }
            }
            let first = webhook.secret
            let second = try await rotate("{}")
            try await expect([(first, [true, true]), (second, [false, true])])
            let promoted = try await installation.request("POST", "/v1/tenant/webhooks/\(webhook.id)/promote")
            #expect(promoted.status == 200)
            try await expect([(first, [false, true]), (second, [true, true])])
            let third = try await rotate(#"{"overlap_s":0}"#)
            try await expect([(first, [false, false]), (second, [false, false]), (third, [true, true])])
            try await installation.delete(webhook)
        }
    }
}
