import Testing

@testable import Database

@Suite struct BackoffTests {
    @Test func `attempts get rarer, up to a bound, and begin anew after a success`() {
        let now = ContinuousClock.now
        var backoff = Backoff()
        #expect(backoff.delay(now: now) == .zero)
        var delays: [Duration] = []
        for _ in 0..<40 {
            backoff.failed(now: now, jitter: 1)
            delays.append(backoff.delay(now: now))
        }
        #expect(delays.prefix(3) == [.milliseconds(50), .milliseconds(100), .milliseconds(200)])
        #expect(delays.last == Backoff.longest)
        #expect(backoff.delay(now: now + Backoff.longest) == .zero)
        backoff.succeeded()
        #expect(backoff.delay(now: now) == .zero)
        backoff.failed(now: now, jitter: 0)
        #expect(backoff.delay(now: now) == .milliseconds(25))
    }
}
