import TestSupport
import Testing

extension EndToEnd {
    /// What a tenant does to webhooks and deliveries shows at the receiver and in the audit.
    @Suite struct ManagementTests {
        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `a paused or deleted webhook gets nothing, and what waits is cancelled`(
            backbone: TestBackbone
        ) async throws {
            let installation = try await Shared.installation(backbone)
            let receiver = try TestReceiver { _ in [.answer(500)] }
            let paused = try await installation.watch(receiver, events: ["idle"], #""schedule":[0,8]"#)
            let deleted = try await installation.watch(receiver, events: ["idle"], #""schedule":[0,8]"#)
            let id = try await installation.publish("idle.a")
            for webhook in [paused, deleted] {
                try await eventually("the first attempt is recorded") {
                    try await installation.verdicts(event: id, webhook: webhook.id) == ["retrying"]
                }
            }
            let pausing = try await installation.request(
                "PATCH", "/v1/tenant/webhooks/\(paused.id)", #"{"active":false}"#)
            #expect(pausing.status == 200)
            #expect(try await installation.request("DELETE", "/v1/tenant/webhooks/\(deleted.id)").status == 204)
            let later = try await installation.publish("idle.b")
            for (webhook, reason) in [(paused, "paused"), (deleted, "deleted")] {
                let last = try await eventually("the retry is cancelled") {
                    let last = try await installation.attempts(event: id, webhook: webhook.id).last
                    return last?.verdict == "retrying" ? nil : last
                }
                #expect(last.verdict == "cancelled")
                #expect(last.reason == reason)
            }
            // Fanned out by now, since the events before it were; nobody was to get it.
            #expect(try await installation.attempts(event: later, webhook: paused.id).isEmpty)
            #expect(receiver.requests.values.count == 2)
            try await installation.delete(paused)
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `a test goes to its endpoint alone, also when that is paused`(backbone: TestBackbone) async throws {
            let installation = try await Shared.installation(backbone)
            let (receiver, everything) = (
                try TestReceiver { _ in [.answer(204)] }, try TestReceiver { _ in [.answer(204)] }
            )
            let paused = try await installation.watch(receiver, events: ["never"], #""active":false"#)
            let all = try await installation.watch(everything)
            let answer = try await installation.request("POST", "/v1/tenant/webhooks/\(paused.id)/test")
            #expect(answer.status == 202)
            let event = try installation.string("event_id", of: answer)
            let request = try #require(await receiver.requests.first(1).first)
            #expect(request.header("X-IC-Event-Id") == event)
            #expect(request.header("X-IC-Event-Type") == "webhook.test")
            #expect(request.header("X-IC-Delivery-Id") == (try installation.string("delivery_id", of: answer)))
            let after = try await installation.publish("tested.after")
            #expect(try await installation.findings([all, paused], acknowledged: [.init(event: after)]) == [])
            // What is told of endpoints that failed in tests before goes to it too.
            let others = everything.requests.values.filter {
                $0.header("X-IC-Event-Type")?.hasPrefix("endpoint.") == false
            }
            #expect(others.map { $0.header("X-IC-Event-Id") } == [after])
            try await installation.delete(all)
            try await installation.delete(paused)
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `redelivering and resending send the same event again under new ids`(backbone: TestBackbone) async throws {
            let installation = try await Shared.installation(backbone)
            let (receiver, other) = (try TestReceiver { _ in [.answer(204)] }, try TestReceiver { _ in [.answer(204)] })
            let webhook = try await installation.watch(receiver, events: ["again"])
            let stranger = try await installation.watch(other, events: ["nothing.of.it"])
            let id = try await installation.publish("again.a", #"{"x":1}"#)
            try await installation.waitForEnds([webhook], feedHas: [.init(event: id)])
            let first = try #require(await receiver.requests.first(1).first)
            let delivery = try #require(first.header("X-IC-Delivery-Id"))
            let redelivery = try await installation.request("POST", "/v1/tenant/deliveries/\(delivery)/redeliver")
            #expect(redelivery.status == 202, "\(redelivery.text)")
            let second = try #require(await receiver.requests.first(2).last)
            #expect(second.header("X-IC-Delivery-Id") == (try installation.string("delivery_id", of: redelivery)))
            #expect(second.header("X-IC-Delivery-Id") != delivery)
            #expect(second.header("X-IC-Event-Id") == id)
            #expect(second.header("X-IC-Attempt") == "1")
            let resending = try await installation.request(
                "POST", "/v1/events/\(id)/resend", #"{"webhook_id":"\#(stranger.id)"}"#)
            #expect(resending.status == 202, "\(resending.text)")
            let third = try #require(await other.requests.first(1).first)
            #expect(third.body == first.body && second.body == first.body)
            for (webhook, count) in [(webhook, 2), (stranger, 1)] {
                try await eventually("every delivery is recorded") {
                    try await installation.verdicts(event: id, webhook: webhook.id)
                        == Array(repeating: "delivered", count: count)
                }
            }
            #expect(try await installation.findings([webhook, stranger], acknowledged: [.init(event: id)]) == [])
            try await installation.delete(webhook)
            try await installation.delete(stranger)
        }
    }
}
