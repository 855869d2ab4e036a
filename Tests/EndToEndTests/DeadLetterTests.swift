import EventCodec
import TestSupport
import Testing

extension EndToEnd {
    /// What ended without success is kept, sent again when somebody says so, or thrown away with a reason.
    @Suite struct DeadLetterTests {
        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `a dead letter is redriven as the same event and another delivery, or discarded`(
            backbone: TestBackbone
        ) async throws {
            let installation = try await Shared.installation(backbone)
            let healed = TestCollector<Bool>()
            let receiver = try TestReceiver { _ in
                healed.values.isEmpty ? [.answer(500, body: "not today")] : [.answer(204)]
            }
            let webhook = try await installation.watch(receiver, events: ["letter"], #""schedule":[0,1]"#)
            let events = [
                try await installation.publish("letter.a", #"{"exact":  [1.0]}"#),
                try await installation.publish("letter.b"),
            ]
            let path = "/v1/tenant/dead-letters"
            try await eventually("both are dead letters") {
                try await installation.letters("webhook_id=\(webhook.id)").count == 2
            }
            let letters = try await installation.letters("webhook_id=\(webhook.id)&error_class=http_5xx&type=letter.a")
            let letter = try #require(letters.first)
            let found = try await installation.request("GET", "\(path)/\(letter)")
            let stored = try await installation.request("GET", "/v1/events/\(events[0])").body
            #expect(try await installation.request("GET", "\(path)/\(letter)/payload").body == stored)
            let attempts = try JSONValue(parsing: found.body)["attempts"]
            guard case .array(let rows)? = attempts else {
                Issue.record("no attempts: \(found.text)")
                return
            }
            #expect(rows.map { $0["verdict"] } == [.string("retrying"), .string("dead")])
            #expect(rows.last?["response_head"] == .string("not today"))

            healed.append(true)
            let redrive = try await installation.request("POST", "\(path)/\(letter)/redrive")
            #expect(redrive.status == 202)
            let delivery = try installation.string("delivery_id", of: redrive)
            #expect(delivery != (try installation.string("delivery_id", of: found)))
            try await eventually("the redelivery is delivered") {
                let answer = try await installation.request("GET", "/v1/tenant/deliveries/\(delivery)")
                guard answer.status == 200 else { return false }
                return try installation.string("state", of: answer) == "delivered"
            }
            let requests = receiver.requests.values.filter { $0.header("X-IC-Delivery-Id") == delivery }
            #expect(requests.map { $0.header("X-IC-Event-Id") } == [events[0]])
            #expect(requests.map { $0.header("X-IC-Attempt") } == ["1"])
            #expect(requests.map(\.body) == [stored])
            #expect(try await installation.findings([webhook], acknowledged: events.map { .init(event: $0) }) == [])

            let other = try #require(try await installation.letters("webhook_id=\(webhook.id)").first)
            #expect(other != letter)
            let gone = try await installation.request("DELETE", "\(path)/\(other)", #"{"reason":"no use"}"#)
            #expect(gone.status == 204)
            #expect(try await installation.letters("webhook_id=\(webhook.id)&state=all") == [letter])
            let audit = try await installation.request(
                "GET", "/v1/tenant/audit?direction=management&webhook_id=\(webhook.id)")
            #expect(audit.text.contains(#""verdict":"redriven""#) && audit.text.contains(#""reason":"no use""#))
            try await installation.delete(webhook)
        }
    }
}

extension Installation {
    /// The ids of dead letters.
    func letters(_ query: String) async throws -> [String] {
        let answer = try await request("GET", "/v1/tenant/dead-letters?\(query)")
        guard case .array(let elements)? = try JSONValue(parsing: answer.body)["data"] else {
            throw EndToEndError(description: "no dead letters: \(answer.status) \(answer.text)")
        }
        return elements.compactMap { if case .string(let id)? = $0["id"] { id } else { nil } }
    }
}
