import Backbone
import EventModel
import Testing

@testable import DeliveryService

@Suite struct RememberedQueuesTests {
    private let now = Timestamp(seconds: 1_000)
    private let policy: DispatchPolicy = {
        var policy = DispatchPolicy()
        policy.breakerFailures = 2
        return policy
    }()

    private func endpoint(_ number: Int) -> EndpointID { EndpointID(Ulid(high: 9, low: UInt64(number))) }

    private func failed(_ times: Int, lane: Int = 0) -> EndpointQueue {
        var queue = EndpointQueue()
        queue.lane = lane
        for offset in 0..<times {
            _ = queue.admit(.sample(offset: offset), at: now, hasGlobalRoom: true, policy)
            _ = queue.ended(succeeded: false, at: now, policy)
        }
        return queue
    }

    @Test func `failures are remembered for a while, and not for longer`() {
        var remembered = RememberedQueues(capacity: 10, memory: 60_000_000)
        remembered.add(failed(2), of: endpoint(1), at: now)
        remembered.add(failed(1), of: endpoint(2), at: now.adding(seconds: 30))
        #expect(remembered.open == [endpoint(1)])
        remembered.trim(at: now.adding(seconds: 60))
        #expect(remembered.count == 2)
        remembered.trim(at: now.adding(seconds: 61))
        #expect(remembered[endpoint(1)] == nil && remembered[endpoint(2)] != nil)
        #expect(remembered.open.isEmpty)
        remembered.trim(at: now.adding(seconds: 91))
        #expect(remembered.count == 0)
    }

    @Test func `beyond its capacity those go first that have rested for longest`() {
        var remembered = RememberedQueues(capacity: 3)
        for number in 1...3 { remembered.add(failed(1), of: endpoint(number), at: now) }
        // It comes again, and rests from then on.
        let first = remembered.take(endpoint(1))
        #expect(first?.breaker.hasFailures == true)
        remembered.add(failed(1), of: endpoint(1), at: now)
        remembered.add(failed(1), of: endpoint(4), at: now)
        #expect(remembered.count == 3)
        #expect(remembered[endpoint(2)] == nil)
        #expect([1, 3, 4].allSatisfy { remembered[endpoint($0)] != nil })
    }

    @Test func `an endpoint that comes and goes for ever takes the place of one`() {
        var remembered = RememberedQueues(capacity: 3)
        remembered.add(failed(1), of: endpoint(1), at: now)
        for _ in 0..<10_000 {
            remembered.add(failed(1), of: endpoint(2), at: now)
            _ = remembered.take(endpoint(2))
        }
        #expect(remembered.count == 1)
        #expect(remembered.places <= 66)
    }

    @Test func `what was learnt on a lane that is another's is forgotten`() {
        var remembered = RememberedQueues()
        remembered.add(failed(2, lane: 1), of: endpoint(1), at: now)
        remembered.add(failed(1, lane: 2), of: endpoint(2), at: now)
        remembered.forget(lanes: [1])
        #expect(remembered[endpoint(1)] == nil && remembered[endpoint(2)] != nil)
        #expect(remembered.open.isEmpty)
    }

    // MARK: In the dispatcher

    /// One event every `pause` seconds that fails.
    private func failSlowly(_ bench: DispatcherTests.Bench, _ dispatcher: Dispatcher, times: Int, pause: Int64) {
        for offset in 0..<times {
            dispatcher.take(LaneSignals(records: [.sample(offset: offset)]), sender: bench.sender)
            dispatcher.finish(
                (bench.sender.takeAll() ?? []).map { $0.ended(failure: "timeout") }, sender: bench.sender)
            bench.clock.advance(by: pause * 1_000_000)
            _ = dispatcher.tick(sender: bench.sender)
        }
    }

    @Test func `an endpoint with an event now and then that always fails opens its breaker, and keeps it open`() {
        let bench = DispatcherTests.Bench()
        let dispatcher = bench.make()
        failSlowly(bench, dispatcher, times: 9, pause: 600)
        #expect(dispatcher.figures.openBreakers == 0)
        #expect(dispatcher.figures.activeEndpoints == 0)
        failSlowly(bench, dispatcher, times: 1, pause: 10)
        #expect(dispatcher.figures.openBreakers == 1)
        #expect(dispatcher.figures.broken == [LaneRecord.endpoint])
        #expect(dispatcher.standings(of: [LaneRecord.endpoint])[LaneRecord.endpoint]?.openSince != nil)
        dispatcher.take(LaneSignals(records: [.sample(offset: 50)]), sender: bench.sender)
        #expect(bench.sender.takeAll() == nil, "it is no time for a probe")
        bench.clock.advance(by: 3_600_000_000)
        _ = dispatcher.tick(sender: bench.sender)
        #expect(dispatcher.figures.openBreakers == 1)
        dispatcher.take(LaneSignals(records: [.sample(offset: 51)]), sender: bench.sender)
        dispatcher.finish((bench.sender.takeAll() ?? []).map { $0.ended(status: 200) }, sender: bench.sender)
        #expect(dispatcher.figures.openBreakers == 0)
        #expect(bench.settled.last?.audit?.verdict == .delivered)
    }

    @Test func `a success between failures starts the count again`() {
        let bench = DispatcherTests.Bench()
        let dispatcher = bench.make()
        failSlowly(bench, dispatcher, times: 9, pause: 60)
        dispatcher.take(LaneSignals(records: [.sample(offset: 50)]), sender: bench.sender)
        dispatcher.finish((bench.sender.takeAll() ?? []).map { $0.ended(status: 200) }, sender: bench.sender)
        failSlowly(bench, dispatcher, times: 9, pause: 60)
        #expect(dispatcher.figures.openBreakers == 0)
    }
}
