import Testing

@testable import Database

@Suite struct StatementWatchTests {
    private let start = ContinuousClock.now

    @Test func `a deadline first cancels, then gives up`() {
        var watch = StatementWatch(deadline: start + .seconds(1))
        #expect(watch.next(now: start, isCancelled: false) == .wait(until: start + .seconds(1)))
        #expect(watch.reason == nil && watch.heedsCanceller)
        #expect(watch.next(now: start + .seconds(1), isCancelled: false) == .cancel)
        #expect(watch.reason == .deadline && !watch.heedsCanceller)
        let end = start + .seconds(1) + StatementWatch.cancelGrace
        let again = start + .seconds(1) + StatementWatch.cancelInterval
        #expect(watch.next(now: start + .seconds(1), isCancelled: true) == .wait(until: again))
        #expect(watch.next(now: again, isCancelled: true) == .cancel)
        #expect(watch.next(now: again, isCancelled: true) == .wait(until: again + StatementWatch.cancelInterval))
        #expect(watch.next(now: end, isCancelled: false) == .abandon)
        #expect(watch.reason == .deadline)
    }

    @Test func `a cancellation is asked for and then waited for`() {
        var watch = StatementWatch(deadline: nil)
        #expect(watch.next(now: start, isCancelled: false) == .wait(until: nil))
        #expect(watch.next(now: start, isCancelled: true) == .cancel)
        #expect(watch.next(now: start, isCancelled: true) == .wait(until: start + StatementWatch.cancelInterval))
        #expect(watch.reason == .cancelled)
    }

    @Test func `what must not be cancelled still has its deadline`() {
        var watch = StatementWatch(deadline: start + .seconds(1), isCancellable: false)
        #expect(watch.next(now: start, isCancelled: true) == .wait(until: start + .seconds(1)))
        #expect(watch.next(now: start + .seconds(1), isCancelled: true) == .cancel)
        #expect(watch.reason == .deadline)
    }
}
