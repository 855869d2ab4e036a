import EventCodec
import TestSupport
import Testing

/// The tests of whole installations, one after the other: they share the machine's two cores and some of them kill what
/// others would need.
@Suite(.serialized) enum EndToEnd {
    /// The installations that tests share: one for what does no harm, one whose processes are killed.
    ///
    /// Whichever test asks first waits for the start: a broker and an installation take 20 to 35 s on a busy machine.
    enum Shared {
        private static let peaceful = TestBackbone.available.map { backbone in
            // Tests of failing endpoints want every attempt, not a probe now and then.
            (backbone, AsyncOnce { try await backbone.start(settings: ["delivery.breaker-failures = 1000"]) })
        }
        private static let battered = TestBackbone.available.map { backbone in
            (backbone, AsyncOnce { try await backbone.start() })
        }

        static func installation(_ backbone: TestBackbone) async throws -> Installation {
            let once = try #require(peaceful.first { $0.0 == backbone }?.1)
            return try await once.value()
        }

        /// With everything running again, whatever the test before did.
        static func batteredInstallation(_ backbone: TestBackbone) async throws -> Installation {
            let once = try #require(battered.first { $0.0 == backbone }?.1)
            let installation = try await once.value()
            try await installation.up()
            return installation
        }
    }
}

extension Installation {
    /// The member of a JSON answer.
    func string(_ member: String, of answer: TestAnswer) throws -> String {
        guard case .string(let text)? = try JSONValue(parsing: answer.body)[member] else {
            throw EndToEndError(description: "no \(member): \(answer.status) \(answer.text)")
        }
        return text
    }

    /// The verdicts of a delivery's audit rows, in order.
    func verdicts(event: String, webhook: String) async throws -> [String] {
        try await attempts(event: event, webhook: webhook).map(\.verdict)
    }

    /// The audit rows of an event's deliveries to a webhook, in order.
    func attempts(event: String, webhook: String) async throws -> [DeliveryEvidence.Attempt] {
        try await evidence([], acknowledged: []).attempts.filter { $0.event == event && $0.endpoint == webhook }
    }

    /// Ends a webhook, so that it does not take part in the next test.
    func delete(_ webhook: WatchedWebhook) async throws {
        let answer = try await request("DELETE", "/v1/tenant/webhooks/\(webhook.id)")
        guard answer.status == 204 else {
            throw EndToEndError(description: "deleting a webhook: \(answer.status) \(answer.text)")
        }
        webhook.receiver.stop()
    }
}

struct EndToEndError: Error, CustomStringConvertible {
    let description: String
}
