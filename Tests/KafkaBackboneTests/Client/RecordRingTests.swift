internal import Synchronization
internal import Testing

@testable internal import KafkaBackbone

@Suite(.timeLimit(.minutes(1)))
struct RecordRingTests {
    private func chunk(_ offsets: Range<Int64>, partition: Int32 = 0) -> RecordChunk {
        let claim = PartitionClaim(topic: 0, partition: partition, generation: 1)
        let entries = offsets.map {
            RecordChunk.Entry(claim: claim, offset: $0, timestamp: 0, key: 0..<0, value: 0..<0, headers: -1)
        }
        return RecordChunk(bytes: Array(repeating: 0, count: 1000), entries: entries, headers: [])
    }

    @Test func `it says when it is full and when half of that is gone`() async {
        let ring = RecordRing(limit: 4000)
        var full = 0
        var count = 0
        while full == 0 {
            if ring.put(chunk(0..<1)) { full = ring.bytes }
            count += 1
        }
        #expect(full >= 4000 && count < 5)
        let wakes = Atomic(0)
        for _ in 0..<count {
            _ = await ring.next { wakes.add(1, ordering: .relaxed) }
            #expect(ring.isFull == (ring.bytes > 2000))
        }
        #expect(wakes.load(ordering: .relaxed) == 1)
        #expect(ring.bytes == 0)
    }

    @Test func `a waiting task gets the records without their passing the ring`() async {
        let ring = RecordRing(limit: 10)
        async let next = ring.next {}
        while !ring.hasWaiting { await Task.yield() }
        #expect(!ring.put(chunk(5..<8)))
        #expect(await next?.entries.map(\.offset) == [5, 6, 7])
        #expect(ring.bytes == 0)
    }

    @Test func `records that are not to be handed on are forgotten`() async {
        let ring = RecordRing(limit: 1 << 20)
        _ = ring.put(chunk(0..<3, partition: 1))
        _ = ring.put(chunk(0..<5, partition: 2))
        ring.keep { $0.claim.partition == 2 && $0.offset < 2 }
        #expect(await ring.next {}?.entries.map(\.offset) == [0, 1])
        #expect(ring.bytes == 0)
    }

    @Test func `an end or a cancelled task ends the waiting`() async {
        let ring = RecordRing(limit: 10)
        let task = Task { await ring.next {} == nil }
        task.cancel()
        #expect(await task.value)
        async let next = ring.next {}
        ring.end()
        #expect(await next == nil)
        #expect(await ring.next {} == nil)
    }
}
