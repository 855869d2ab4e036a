import EventModel
import Testing

@Suite struct DeliveryIdentityTests {
    private let event = EventID(Ulid(high: 0x0199_1234_5678_9ABC, low: 0xDEF0_1234_5678_9ABC))
    private let endpoint = EndpointID(Ulid(high: 1, low: 2))

    @Test func `the same delivery has the same id, for ever`() {
        // Rows of an installation were written under these.
        let delivery = DeliveryID(event: event, endpoint: endpoint, cause: .live)
        #expect(delivery == DeliveryID(event: event, endpoint: endpoint, cause: .live))
        #expect(delivery.description == "dlv_01K4938NKRKAYAH8313WCAKFH2")
    }

    @Test func `another event, endpoint or cause is another delivery`() {
        let others = [
            DeliveryID(event: event, endpoint: endpoint, cause: .live),
            DeliveryID(event: event, endpoint: endpoint, cause: .test),
            DeliveryID(event: event, endpoint: endpoint, cause: .request("a")),
            DeliveryID(event: event, endpoint: endpoint, cause: .request("b")),
            DeliveryID(event: event, endpoint: EndpointID(Ulid(high: 1, low: 3)), cause: .live),
            DeliveryID(
                event: EventID(Ulid(high: event.ulid.high, low: event.ulid.low + 1)), endpoint: endpoint, cause: .live),
        ]
        #expect(Set(others).count == others.count)
    }

    @Test func `a delivery's id begins as its event's does`() {
        let delivery = DeliveryID(event: event, endpoint: endpoint, cause: .request("replay"))
        #expect(delivery.ulid.high == event.ulid.high)
        // 13 characters carry 63 of the 64 bits: what the audit looks for.
        #expect(delivery.description.dropFirst(4).prefix(13) == event.description.dropFirst(4).prefix(13))
    }

    @Test func `identifiers are read from bytes as from text`() {
        let text = Array(event.description.utf8)
        text.withUnsafeBytes { #expect(EventID(utf8: $0) == event) }
        text.withUnsafeBytes { #expect(EndpointID(utf8: $0) == nil) }
        for bad in [
            "evt_0J6B4D2NKRKAY", "evt_8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "evt_0000000000000000000000000I", "", "evt_",
        ] {
            Array(bad.utf8).withUnsafeBytes { #expect(EventID(utf8: $0) == nil) }
        }
    }
}
