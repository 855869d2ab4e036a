import Backbone
import Testing

/// Deterministic: the test is the clock.
@Suite final class WakePaceTests {
    private let start = ContinuousClock.now
    private var pace = WakePace(Pace(longest: .milliseconds(10), calm: 100, full: 1_000))

    private func time(_ milliseconds: Int) -> ContinuousClock.Instant { start + .milliseconds(milliseconds) }

    private func begin(at time: ContinuousClock.Instant) -> Bool { pace.begin(at: time) }
    private func takeDue(at time: ContinuousClock.Instant) -> Bool { pace.takeDue(at: time) }

    /// A transaction that takes no time.
    private func write(_ rows: Int, at milliseconds: Int) -> Bool {
        let wakes = pace.begin(at: time(milliseconds))
        pace.committed(rows: rows, hasWoken: wakes, at: time(milliseconds))
        return wakes
    }

    @Test func `while little comes in, each transaction wakes`() {
        for second in 0..<20 {
            #expect(write(1, at: second * 50))
            #expect(pace.due == nil)
        }
    }

    @Test func `at the peak one in many does, and none waits for longer than the rest`() {
        var woken: [Int] = []
        for millisecond in 0..<1_000 {
            if write(20, at: millisecond) { woken.append(millisecond) }
            if pace.takeDue(at: time(millisecond)) { woken.append(millisecond) }
        }
        let settled = woken.filter { $0 > 200 }
        #expect((70...90).contains(settled.count))
        #expect(zip(settled, settled.dropFirst()).allSatisfy { $1 - $0 <= 11 })
    }

    @Test func `what comes last is told too`() throws {
        for millisecond in 0..<500 { _ = write(20, at: millisecond) }
        // The last ones fell into a rest.
        let due = try #require(pace.due)
        #expect(due > time(499) && due <= time(510))
        #expect(!takeDue(at: time(499)))
        #expect(takeDue(at: due))
        #expect(pace.due == nil && !takeDue(at: due))
    }

    @Test func `a transaction that began before another's wake-up and ended after it is told by itself`() {
        for millisecond in 0..<500 { _ = write(20, at: millisecond) }
        // Begun in the rest; the next one wakes; then the first is committed, unseen by those who were woken.
        #expect(!begin(at: time(500)))
        let rest = time(520)
        #expect(begin(at: rest))
        pace.committed(rows: 20, hasWoken: true, at: rest)
        pace.committed(rows: 20, hasWoken: false, at: time(521))
        #expect(pace.due != nil)
    }

    @Test func `a wake-up that failed is made up for`() {
        #expect(begin(at: start))
        pace.failed(at: start)
        #expect(takeDue(at: start))
    }
}
