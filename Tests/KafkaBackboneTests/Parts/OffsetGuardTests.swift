internal import Testing

@testable internal import KafkaBackbone

@Suite struct OffsetGuardTests {
    @Test func `records are taken in order, twins are not`() {
        var offsets = OffsetGuard(next: 5)
        #expect(offsets.judge(4) == .ignore)
        #expect(offsets.judge(5) == .take)
        #expect(offsets.judge(5) == .ignore)
        #expect(offsets.judge(6) == .take)
        #expect(offsets.next == 7)
    }

    @Test func `the first record may be any where no start is known`() {
        var offsets = OffsetGuard(next: nil)
        #expect(offsets.judge(42) == .take)
        #expect(offsets.judge(43) == .take)
    }

    @Test func `what was on its way before a hold is not mistaken for a hole`() {
        var offsets = OffsetGuard(next: 0)
        #expect(offsets.judge(0) == .take)
        #expect(offsets.judge(1) == .take)
        offsets.hold(at: 1)
        #expect(offsets.judge(2) == .ignore)
        offsets.release()
        // A record that was fetched before the hold, then the one that the hold put back.
        #expect(offsets.judge(3) == .reread(from: 1))
        #expect(offsets.judge(1) == .take)
        #expect(offsets.judge(2) == .take)
    }

    @Test func `a hole that is still there at the second look is a hole`() {
        var offsets = OffsetGuard(next: 10)
        #expect(offsets.judge(20) == .reread(from: 10))
        #expect(offsets.judge(20) == .take)
        #expect(offsets.judge(21) == .take)
    }
}
