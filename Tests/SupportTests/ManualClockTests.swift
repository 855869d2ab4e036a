import EventModel
import TestSupport
import Testing

@Suite struct ManualClockTests {
    @Test func `both clocks move together, and a step moves one`() {
        let clock = ManualClock()
        let (wall, instant) = (clock.now(), clock.instant())
        clock.advance(by: .milliseconds(1_500))
        #expect(clock.now().microseconds(since: wall) == 1_500_000)
        #expect(clock.instant() - instant == .milliseconds(1_500))
        clock.stepWallClock(by: .seconds(-60))
        #expect(clock.now().microseconds(since: wall) == -58_500_000)
        #expect(clock.instant() - instant == .milliseconds(1_500))
    }
}
