internal import EventModel
internal import Testing

@testable internal import DeliveryService

@Suite struct JobPaceTests {
    /// Live records at 200 a second whose delay is a function of the job's rate, and a job that starts whatever it may.
    private func run(
        _ pace: inout JobPace, from start: Timestamp, seconds: Int64, liveEvery: Int64 = 5_000,
        delay: (Double) -> Int64
    ) -> Int {
        var started = 0
        var recent: [Timestamp] = []
        for step in 0..<seconds * 1_000 {
            let now = start.adding(microseconds: step * 1_000)
            if liveEvery > 0, step * 1_000 % liveEvery == 0 {
                recent.removeAll { now.microseconds(since: $0) > 200_000 }
                pace.sawLive(delay: delay(Double(recent.count) * 5), at: now)
            }
            while started < 1_000_000, pace.admits(at: now) {
                pace.started(at: now)
                started += 1
                recent.append(now)
                if liveEvery == 0, started % 100 == 0 { break }
            }
        }
        return started
    }

    private let start = Timestamp(seconds: 1_000)

    @Test func `without live records nothing is held back`() {
        var pace = JobPace()
        let isAdmitted = pace.admits(at: start)
        #expect(isAdmitted)
        let started = run(&pace, from: start, seconds: 1, liveEvery: 0) { _ in 0 }
        #expect(started == 100_000)
    }

    @Test func `beside live records that do not notice it gets faster and faster`() {
        var pace = JobPace()
        pace.sawLive(delay: 3_000, at: start)
        let early = run(&pace, from: start, seconds: 2) { _ in 3_000 }
        let later = run(&pace, from: start.adding(seconds: 2), seconds: 6) { _ in 3_000 }
        #expect((200...1_500).contains(early))
        #expect(later > 2 * early)
    }

    @Test func `it stays below what live records notice`() {
        var pace = JobPace()
        // Up to 1 000 a second nobody feels it, beyond it everybody does.
        let delay = { (rate: Double) -> Int64 in rate <= 1_000 ? 3_000 : 3_000 + Int64(rate) * 5 }
        pace.sawLive(delay: 3_000, at: start)
        _ = run(&pace, from: start, seconds: 10, delay: delay)
        let started = run(&pace, from: start.adding(seconds: 10), seconds: 20, delay: delay)
        #expect((6_000...24_000).contains(started))
        #expect((2_900...3_200).contains(pace.quietDelay ?? 0))
    }

    @Test func `whatever live records say, it goes on`() {
        var pace = JobPace()
        pace.sawLive(delay: 3_000, at: start)
        let started = run(&pace, from: start, seconds: 30) { rate in rate > 0 ? 1_000_000 : 3_000 }
        #expect(started > 30 * 40)
        #expect(pace.rate >= 50)
    }

    @Test func `when live records are over it is free again`() {
        var pace = JobPace()
        pace.sawLive(delay: 3_000, at: start)
        let beside = pace.admits(at: start)
        #expect(!beside && pace.nextStart(at: start) > start)
        let after = pace.admits(at: start.adding(seconds: 2))
        #expect(after)
    }
}
