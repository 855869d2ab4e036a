import Crypto
import EventModel
import Inbound
import Store
import TestSupport
import Testing

@testable import IngestService

/// Triggers among the integrations that ingest holds.
@Suite struct TriggerEndpointTests {
    private let trigger = TriggerID(Ulid(high: 9, low: 1))

    private func stored(_ bench: IngestBench, channel: String, isActive: Bool = true) -> StoredIntegration {
        let id = TriggerStore.door(of: trigger)
        return StoredIntegration(
            id: id, tenant: FakeDirectory.tenant, channel: channel, name: "",
            config: Array(#"{"tolerance_s":60}"#.utf8),
            secrets: [
                StoredIntegration.SealedSecrets(
                    id: "sec_1",
                    sealed: bench.box.seal(
                        Array(#"{"secrets":["s3cret"]}"#.utf8), context: StoredIntegration.secretContext(id)),
                    madeAt: bench.clock.now(), until: nil)
            ], isActive: isActive, version: 1, createdAt: bench.clock.now())
    }

    @Test func `a trigger's door is found by the trigger's id, and by no channel`() async throws {
        try await IngestBench.with { bench in
            let book = bench.inbound.book
            let now = bench.clock.now()
            book.apply([stored(bench, channel: "generic.stripe")])
            guard case .found(let endpoint) = book.find(trigger, now: now) else {
                Issue.record("the trigger is not found")
                return
            }
            #expect(endpoint.id == trigger.description)
            #expect(endpoint.kind == .preset(.stripe))
            #expect(endpoint.config.tolerance == 60)
            for channel in InboundChannel.allCases {
                guard case .none = book.find(TriggerStore.door(of: trigger), channel: channel, now: now) else {
                    Issue.record("a trigger is no integration with \(channel)")
                    continue
                }
            }
            book.apply([stored(bench, channel: "generic.stripe", isActive: false)])
            guard case .none = book.find(trigger, now: now) else {
                Issue.record("a trigger that is off takes nothing")
                return
            }
            book.apply([stored(bench, channel: "generic.of-a-later-release")])
            guard case .none = book.find(trigger, now: now) else {
                Issue.record("a preset that nobody knows cannot be verified")
                return
            }
        }
    }
}
