import Backbone
import EventModel
import Observability
import Store
import Synchronization
import Testing

@testable import DeliveryService

/// When the dispatcher asks for a cursor, and what happens to what waits meanwhile.
@Suite struct SwitchTests {
    private final class Bench: Sendable {
        let bench: DispatcherTests.Bench
        let dispatcher: Dispatcher
        let switches = Mutex<[Dispatcher.Switch]>([])

        init(_ adjust: (inout DispatchPolicy) -> Void = { _ in }) {
            bench = DispatcherTests.Bench { policy in
                policy.maySwitch = true
                policy.inFlightPerEndpoint = 2
                policy.waitingPerEndpoint = 16
                policy.waitingWhileOpen = 8
                policy.breakerFailures = 2
                policy.companyMemory = .max
                adjust(&policy)
            }
            dispatcher = bench.make()
            dispatcher.connect(
                Dispatcher.CursorHooks(switchOver: { [weak self] asked in
                    self?.switches.withLock { $0.append(contentsOf: asked) }
                }))
            // Another endpoint's record: nobody has the worker to itself.
            bench.book.apply([.sample(version: 2, endpoint: other)])
            take([.sample(offset: 900, lane: 1, endpoint: other)])
            end(200)
            bench.outcomes.withLock { $0 = [] }
        }

        let other = EndpointID(Ulid(high: 2, low: 2))
        var asked: [Dispatcher.Switch] { switches.withLock { $0 } }

        func take(_ records: [LaneRecord]) {
            dispatcher.take(LaneSignals(records: records), sender: bench.sender)
        }

        func end(_ status: Int) {
            let started = bench.sender.takeAll() ?? []
            dispatcher.finish(started.map { $0.ended(status: status) }, sender: bench.sender)
        }

        func open(_ from: Int64) {
            let span = FeedSpan(
                cursor: CursorID(Ulid(high: 1, low: 1)), endpoint: LaneRecord.endpoint, from: from, to: nil)
            bench.book.apply([], spans: [span])
            dispatcher.switched(LaneRecord.endpoint, to: span, sender: bench.sender)
        }
    }

    private func records(_ offsets: Range<Int>) -> [LaneRecord] { offsets.map { .sample(offset: $0) } }

    @Test func `an endpoint that holds too much goes to a cursor from what was not started`() {
        let bench = Bench()
        bench.take(records(10..<40))
        #expect(bench.asked.map(\.from) == [12])
        bench.end(200)
        #expect(bench.bench.sender.takeAll() == nil, "what the span will hold is not started")
        bench.open(12)
        let ended = bench.bench.settled
        #expect(ended.count { $0.audit?.verdict == .delivered } == 2)
        #expect(ended.count { $0.audit == nil } == 28)
        bench.take(records(40..<45))
        #expect(bench.bench.settled.count == 35 && bench.bench.sender.takeAll() == nil)
        // Retries and other causes are nobody else's.
        var retry = LaneRecord.sample(offset: 20, attempt: 2)
        retry.handle.source = 1
        bench.take([retry, .sample(offset: 21, cause: .request("job_1"))])
        #expect(bench.bench.sender.takeAll()?.count == 2)
    }

    @Test func `an endpoint that fails goes to a cursor after a while, and nothing is copied`() {
        let bench = Bench()
        bench.take(records(0..<6))
        bench.end(500)
        #expect(bench.dispatcher.figures.openBreakers == 1)
        #expect(bench.bench.settled.count == 2, "what waits stays")
        #expect(bench.asked.isEmpty)
        bench.bench.clock.advance(by: 30_000_000)
        _ = bench.dispatcher.tick(sender: bench.bench.sender)
        #expect(bench.asked.count == 1)
        bench.open(bench.asked.first?.from ?? 0)
        #expect(
            bench.bench.settled.allSatisfy { outcome in
                if case .postponed = outcome.next { return false }
                return true
            })
    }

    @Test func `without a cursor what waits goes to the companions`() {
        let bench = Bench()
        bench.take(records(0..<40))
        bench.dispatcher.switched(LaneRecord.endpoint, to: nil, sender: bench.bench.sender)
        let postponed = bench.bench.settled.count { outcome in
            if case .postponed = outcome.next { return true }
            return false
        }
        #expect(postponed == 38)
        // Not asked again at once.
        bench.take(records(40..<90))
        #expect(bench.asked.count == 1)
    }

    @Test func `a rate is kept whatever the endpoint takes`() {
        let bench = Bench()
        var revision = WebhookRevision.sample(version: 9)
        revision.limits = EndpointLimits(ratePerSecond: 10, inFlight: 1)
        bench.bench.book.apply([revision])
        bench.take(records(0..<15))
        var sent = 0
        for _ in 0..<1_000 {
            let started = bench.bench.sender.takeAll() ?? []
            #expect(started.count <= 1)
            sent += started.count
            bench.dispatcher.finish(started.map { $0.ended(status: 200) }, sender: bench.bench.sender)
            bench.bench.clock.advance(by: 1_000)
            _ = bench.dispatcher.tick(sender: bench.bench.sender)
        }
        #expect((10...11).contains(sent))
    }

    @Test func `a job gets its rate though nobody looks but when the dispatcher says`() {
        let bench = Bench { $0.inFlightPerEndpoint = 64 }
        let cause = Cause.request("job_1")
        let job = DeliveryCursor(
            id: CursorID(Ulid(high: 3, low: 3)), kind: .job, tenant: LaneRecord.sample(offset: 0).tenant,
            endpoint: LaneRecord.endpoint, lane: 0, cause: cause, pos: 0, until: nil, ratePerSecond: 50)
        bench.dispatcher.add([job])
        let waiting = (0..<400).map { number in
            var record = LaneRecord.sample(offset: number, cause: cause)
            record.handle.source = LaneHandle.cursor
            return record
        }
        // Nobody is beside it any more.
        bench.bench.clock.advance(by: 5_000_000)
        bench.dispatcher.take(waiting, of: job.id, sender: bench.bench.sender)
        var sent = 0
        var passed: Int64 = 0
        while passed < 2_000_000 {
            let started = bench.bench.sender.takeAll() ?? []
            sent += started.count
            bench.dispatcher.finish(started.map { $0.ended(status: 200) }, sender: bench.bench.sender)
            let rest = Int64(bench.dispatcher.tick(sender: bench.bench.sender) / .microseconds(1))
            bench.bench.clock.advance(by: rest)
            passed += rest
        }
        #expect((95...110).contains(sent))
    }
}
