internal import Testing

@testable internal import KafkaBackbone

struct PartitionFlowTests {
    private let claim = PartitionClaim(topic: 0, partition: 3, generation: 1)

    private func flow(at start: Int64? = 0, limit: Int? = nil) -> PartitionFlow {
        var flow = PartitionFlow(claim: claim, limit: limit)
        flow.start(at: start)
        return flow
    }

    @Test func `records are taken in order and none twice`() {
        var flow = flow()
        #expect(flow.offer(0) == .take)
        #expect(flow.offer(1) == .take)
        #expect(flow.offer(1) == .repeated)
        #expect(flow.offer(0) == .repeated)
        #expect(flow.next == 2)
    }

    @Test func `a gap is told once, and only where a start was named`() {
        var named = flow(at: 5)
        #expect(named.offer(9) == .takeAfterGap(4))
        #expect(named.offer(10) == .take)
        var open = flow(at: nil)
        #expect(open.offer(1000) == .take)
        #expect(open.mark == 1000)
    }

    @Test func `what comes during a hold is dropped and sought again`() {
        var flow = flow()
        for offset in 0..<5 { _ = flow.offer(Int64(offset)) }
        flow.hold(at: 2)
        #expect(flow.isStopped && flow.next == 2 && flow.needsSeek)
        #expect(flow.offer(5) == .drop)
        flow.release()
        #expect(!flow.isStopped)
        #expect(flow.offer(6) == .drop, "on its way before the seek: not a gap")
        flow.sought()
        #expect(flow.offer(2) == .take)
    }

    @Test func `a hold at the next offset needs no seek`() {
        var flow = flow()
        _ = flow.offer(0)
        flow.hold(at: 1)
        #expect(!flow.needsSeek)
        flow.release()
        #expect(flow.offer(1) == .take)
    }

    @Test func `at its limit a partition stops, at half it goes on where it stopped`() {
        var flow = flow(at: 100, limit: 4)
        for offset in 100..<104 { #expect(flow.offer(Int64(offset)) == .take) }
        #expect(flow.isCrowded && flow.isStopped)
        #expect(flow.offer(104) == .drop)
        flow.advance(to: 101)
        #expect(flow.isCrowded)
        flow.advance(to: 102)
        #expect(!flow.isCrowded && flow.needsSeek)
        flow.sought()
        #expect(flow.offer(104) == .take)
    }

    @Test func `marks neither fall nor pass what was handed on`() {
        var flow = flow(at: 10)
        _ = flow.offer(10)
        _ = flow.offer(11)
        flow.advance(to: 13)
        #expect(flow.mark == 10)
        flow.advance(to: 12)
        flow.advance(to: 11)
        #expect(flow.mark == 12)
    }

    @Test func `a partition on its way out takes nothing`() {
        var flow = flow()
        flow.isLeaving = true
        #expect(flow.offer(0) == .drop)
    }

    @Test func `a private partition is left alone at its end until something is expected`() {
        let later = ContinuousClock.now
        var flow = PartitionFlow(claim: claim, parks: true)
        flow.start(at: 0)
        #expect(flow.offer(0) == .take)
        #expect((flow.reachedEnd(at: 0, lookAgain: later)) == false, "an end that was passed")
        let isParked = flow.reachedEnd(at: 1, lookAgain: later)
        #expect(isParked && flow.isStopped && flow.parkedUntil == later)
        flow.expect(0)
        #expect(flow.isStopped, "known already")
        flow.expect(3)
        #expect(!flow.isStopped)
        #expect((flow.reachedEnd(at: 1, lookAgain: later)) == false, "an end from before the expected record")
        for offset in 1..<4 { #expect(flow.offer(Int64(offset)) == .take) }
        let isParkedAgain = flow.reachedEnd(at: 4, lookAgain: later)
        #expect(isParkedAgain)
        flow.expect(-1)
        #expect(!flow.isStopped)
    }

    @Test func `an end tells where a partition without records stands`() {
        var flow = PartitionFlow(claim: claim)
        flow.start(at: nil)
        #expect((flow.reachedEnd(at: 70, lookAgain: .now)) == false)
        #expect(flow.next == 70 && flow.mark == 70)
    }

    @Test func `a held or crowded partition is not parked`() {
        var flow = PartitionFlow(claim: claim, limit: 1, parks: true)
        flow.start(at: 0)
        _ = flow.offer(0)
        #expect((flow.reachedEnd(at: 1, lookAgain: .now)) == false)
        flow.advance(to: 1)
        flow.hold(at: 1)
        #expect((flow.reachedEnd(at: 1, lookAgain: .now)) == false)
    }
}
