import Addresses
import Testing

@testable import IngestService

@Suite struct RefusalCapTests {
    private let one = IPAddress(v4: 1)
    private let two = IPAddress(v4: 2)

    @Test func `each source has its rows, and the rest is counted`() {
        var cap = RefusalCap()
        _ = cap.turn(to: 120)
        let admitted = (0..<100).filter { _ in cap.admits(one, at: 121) }.count
        #expect(admitted == RefusalCap.rows)
        let hasRow = cap.admits(two, at: 121)
        #expect(hasRow)
        let early = cap.turn(to: 179)
        #expect(early.isEmpty)
        let ended = cap.turn(to: 180)
        #expect(ended == [RefusalCap.Remainder(source: one, minute: 120, count: 100 - RefusalCap.rows)])
        let startsAnew = cap.admits(one, at: 180)
        #expect(startsAnew)
        let quiet = cap.turn(to: 240)
        #expect(quiet.isEmpty)
    }

    @Test func `sources beyond the bound share one count`() {
        var cap = RefusalCap()
        _ = cap.turn(to: 60)
        for number in 0..<UInt32(RefusalCap.sources) { _ = cap.admits(IPAddress(v4: number), at: 60) }
        var admitted = 0
        for number in 0..<100 where cap.admits(IPAddress(v6: UInt128(number)), at: 60) { admitted += 1 }
        #expect(admitted == RefusalCap.rows)
        #expect(cap.remainders == [RefusalCap.Remainder(source: nil, minute: 60, count: 100 - RefusalCap.rows)])
    }
}
