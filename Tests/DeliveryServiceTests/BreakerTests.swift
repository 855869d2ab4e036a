import EventModel
import Testing

@testable import DeliveryService

@Suite struct BreakerTests {
    let policy = Breaker.Policy(failures: 3, probeInterval: 30_000_000)
    let start = Timestamp(seconds: 1_000)

    private func opened() -> Breaker {
        var breaker = Breaker()
        for _ in 0..<3 { breaker.failed(at: start, policy: policy) }
        return breaker
    }

    @Test func `it opens after so many failures in a row, and not before`() {
        var breaker = Breaker()
        var opened: [Bool] = []
        for _ in 0..<2 { opened.append(breaker.failed(at: start, policy: policy)) }
        breaker.succeeded()
        for _ in 0..<2 { opened.append(breaker.failed(at: start, policy: policy)) }
        #expect(opened == [false, false, false, false])
        let opens = breaker.failed(at: start, policy: policy)
        #expect(opens)
        #expect(breaker.isOpen)
    }

    @Test func `an open one admits a single probe, when its time has come`() {
        var breaker = opened()
        #expect(breaker.nextProbe == start.adding(seconds: 30))
        var early = breaker.admits(at: start.adding(seconds: 29))
        #expect(!early)
        early = breaker.admits(at: start.adding(seconds: 30))
        #expect(early)
        let second = breaker.admits(at: start.adding(seconds: 31))
        #expect(!second)
    }

    @Test func `a failed probe moves the next one, late failures do not`() {
        var breaker = opened()
        breaker.failed(at: start.adding(seconds: 5), policy: policy)
        #expect(breaker.nextProbe == start.adding(seconds: 30))
        _ = breaker.admits(at: start.adding(seconds: 30))
        breaker.failed(at: start.adding(seconds: 40), policy: policy)
        #expect(breaker.nextProbe == start.adding(seconds: 70))
    }

    @Test func `a probe that was not sent can be taken again`() {
        var breaker = opened()
        _ = breaker.admits(at: start.adding(seconds: 30))
        breaker.releaseProbe()
        let again = breaker.admits(at: start.adding(seconds: 30))
        #expect(again)
    }

    @Test func `a success closes it`() {
        var breaker = opened()
        _ = breaker.admits(at: start.adding(seconds: 30))
        let closed = breaker.succeeded()
        #expect(closed)
        let admits = breaker.admits(at: start)
        #expect(admits)
    }
}
