import Backbone
import Testing

@Suite struct PaceTests {
    /// The rests that a reader gets who finds rows at a steady rate.
    private func rests(rowsPerSecond rate: Int, readsPerSecond reads: Int) -> [Duration?] {
        var pace = Pace(longest: .milliseconds(12))
        let start = ContinuousClock.now
        return (0..<reads).map { number in
            pace.rest(after: rate / reads, at: start + .seconds(1) * number / reads)
        }
    }

    @Test func `at a calm rate nothing gathers`() {
        #expect(rests(rowsPerSecond: 200, readsPerSecond: 200).allSatisfy { $0 == nil })
        #expect(rests(rowsPerSecond: 800, readsPerSecond: 100).allSatisfy { $0 == nil })
    }

    @Test func `at the peak rows gather for as long as they may, and no longer`() {
        let rests = rests(rowsPerSecond: 20_000, readsPerSecond: 200)
        #expect(rests.last == .milliseconds(12))
        #expect(rests.allSatisfy { ($0 ?? .zero) <= .milliseconds(12) })
    }

    @Test func `between the two the rest grows with the rate`() {
        let slow = rests(rowsPerSecond: 2_000, readsPerSecond: 200).last ?? nil
        let fast = rests(rowsPerSecond: 4_000, readsPerSecond: 200).last ?? nil
        #expect((slow ?? .zero) > .zero)
        #expect((slow ?? .zero) < (fast ?? .zero))
    }

    @Test func `after a burst the first rows are read at once again`() {
        var pace = Pace(longest: .milliseconds(12))
        let start = ContinuousClock.now
        for number in 0..<50 { _ = pace.rest(after: 100, at: start + .milliseconds(10) * number) }
        #expect(pace.rest(after: 1, at: start + .seconds(2)) == nil)
    }
}
