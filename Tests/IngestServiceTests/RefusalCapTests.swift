import Addresses
import Testing

@testable import IngestService

@Suite struct RefusalCapTests {
    private let one = IPAddress(v4: 1)
    private let two = IPAddress(v4: 2)
    private let door = RefusalCap.Door(channel: "github", integration: "int_1")

    @Test func `each source has its rows, and the rest is counted`() {
        var cap = RefusalCap()
        _ = cap.turn(to: 120)
        let admitted = (0..<100).filter { _ in cap.admits(one, door) }.count
        #expect(admitted == RefusalCap.rows)
        let hasRow = cap.admits(two, door)
        #expect(hasRow)
        let early = cap.turn(to: 179)
        #expect(early.isEmpty)
        let ended = cap.turn(to: 180)
        #expect(ended == [RefusalCap.Remainder(source: one, door: door, minute: 120, count: 100 - RefusalCap.rows)])
        let startsAnew = cap.admits(one, door)
        #expect(startsAnew)
        let quiet = cap.turn(to: 240)
        #expect(quiet.isEmpty)
    }

    @Test func `sources beyond the bound share one count`() {
        var cap = RefusalCap()
        _ = cap.turn(to: 60)
        for number in 0..<UInt32(RefusalCap.sources) { _ = cap.admits(IPAddress(v4: number), door) }
        var admitted = 0
        for number in 0..<100 where cap.admits(IPAddress(v6: UInt128(number)), door) { admitted += 1 }
        #expect(admitted == RefusalCap.rows)
        #expect(
            cap.remainders == [RefusalCap.Remainder(source: nil, door: door, minute: 60, count: 100 - RefusalCap.rows)])
    }

    @Test func `each door's count is its own, and doors are bounded too`() {
        var cap = RefusalCap()
        _ = cap.turn(to: 60)
        for _ in 0..<RefusalCap.rows { _ = cap.admits(one, door) }
        for number in 0..<100 { _ = cap.admits(one, RefusalCap.Door(integration: "int_\(number)")) }
        let remainders = cap.remainders
        #expect(remainders.count == RefusalCap.doors + 1)
        #expect(remainders.reduce(0) { $0 + $1.count } == 100)
        #expect(remainders.first { $0.door == RefusalCap.Door() }?.count == 100 - RefusalCap.doors)
    }
}
