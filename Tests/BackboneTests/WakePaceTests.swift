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

    /// When somebody is woken by a transaction of so many rows each other millisecond.
    private func wakeUps(rows: Int) -> [Int] {
        var woken: [Int] = []
        for millisecond in stride(from: 0, to: 2_000, by: 2) {
            if write(rows, at: millisecond) { woken.append(millisecond) }
            if takeDue(at: time(millisecond)) { woken.append(millisecond) }
        }
        return woken.filter { $0 >= 1_000 }
    }

    @Test func `between calm and peak one in many does, and none waits for longer than the rest`() {
        // 500 a second is nearly half way between the two: rests of 4.4 ms.
        let woken = wakeUps(rows: 1)
        #expect((150...260).contains(woken.count))
        #expect(zip(woken, woken.dropFirst()).allSatisfy { $1 - $0 <= 8 })
    }

    @Test func `at the peak hardly any does`() {
        #expect((3...5).contains(wakeUps(rows: 40).count))
    }

    @Test func `what comes last is told too`() throws {
        for millisecond in 0..<500 { _ = write(20, at: millisecond) }
        // The last ones fell into a rest.
        let due = try #require(pace.due)
        #expect(due > time(499) && due <= time(750))
        #expect(!takeDue(at: time(499)))
        #expect(takeDue(at: due))
        #expect(pace.due == nil && !takeDue(at: due))
    }

    @Test func `a transaction that began before another's wake-up and ended after it is told by itself`() {
        for millisecond in 0..<500 { _ = write(20, at: millisecond) }
        // Begun in the rest; the next one wakes; then the first is committed, unseen by those who were woken.
        #expect(!begin(at: time(500)))
        let rest = time(1_000)
        #expect(begin(at: rest))
        pace.committed(rows: 20, hasWoken: true, at: rest)
        pace.committed(rows: 20, hasWoken: false, at: time(1_001))
        #expect(pace.due != nil)
    }

    @Test func `a wake-up that failed is made up for`() {
        #expect(begin(at: start))
        pace.failed(at: start)
        #expect(takeDue(at: start))
    }
}
