internal import EventModel
internal import Testing

@testable internal import KafkaBackbone

@Suite struct AcknowledgedKeysTests {
    private let start = ContinuousClock.now

    private func key(_ number: Int) -> DedupeKey { DedupeKey(high: UInt64(number), low: 1) }
    private func id(_ number: Int) -> EventID { EventID(Ulid(high: UInt64(number), low: 2)) }

    @Test func `the first that is acknowledged has the key`() {
        var keys = AcknowledgedKeys(limit: 100, now: start)
        #expect(keys.add(key(1), id(1), now: start) == nil)
        #expect(keys.add(key(1), id(2), now: start) == id(1))
        #expect(keys[key(1)] == id(1))
        #expect(keys[key(2)] == nil)
    }

    @Test func `it is bounded, and the oldest are forgotten first`() {
        var keys = AcknowledgedKeys(limit: 100, now: start)
        for number in 0..<1_000 { _ = keys.add(key(number), id(number), now: start) }
        #expect((0..<1_000).count { keys[key($0)] != nil } <= 100)
        #expect((950..<1_000).allSatisfy { keys[key($0)] == id($0) })
    }

    @Test func `nothing is remembered for longer than an hour`() {
        var keys = AcknowledgedKeys(limit: 100, now: start)
        _ = keys.add(key(1), id(1), now: start)
        keys.expire(now: start + .seconds(1_000))
        #expect(keys[key(1)] == id(1))
        keys.expire(now: start + .seconds(1_900))
        keys.expire(now: start + .seconds(3_700))
        #expect(keys[key(1)] == nil)
    }
}
