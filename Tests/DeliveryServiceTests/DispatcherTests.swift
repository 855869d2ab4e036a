import Backbone
import EventModel
import Observability
import Store
import Synchronization
import Testing

@testable import DeliveryService

@Suite struct DispatcherTests {
    /// A dispatcher whose lanes, sender, clock and randomness are the test's.
    final class Bench: Sendable {
        let lanes = FakeLanes()
        let sender = FakeSender()
        let book = EndpointBook()
        let clock = FixedClock()
        let outcomes = Mutex<[LaneOutcome]>([])
        let disabled = Mutex<[EndpointID]>([])
        let policy: DispatchPolicy

        init(_ adjust: (inout DispatchPolicy) -> Void = { _ in }) {
            var policy = DispatchPolicy()
            adjust(&policy)
            self.policy = policy
            book.apply([.sample(version: 1)])
        }

        func make() -> Dispatcher {
            Dispatcher(
                book: book, lanes: lanes, policy: policy, clock: clock, random: FixedRandomness(),
                instruments: DispatchInstruments(MetricsRegistry()),
                settle: { outcomes in self.outcomes.withLock { $0.append(contentsOf: outcomes) } },
                disable: { endpoint in self.disabled.withLock { $0.append(endpoint) } })
        }

        var settled: [LaneOutcome] { outcomes.withLock { $0 } }
    }

    private func records(_ offsets: Range<Int>, lane: Int = 0) -> LaneSignals {
        LaneSignals(records: offsets.map { .sample(offset: $0, lane: lane) })
    }

    @Test func `every record ends once, whatever the caps`() {
        let bench = Bench {
            $0.inFlight = 3
            $0.inFlightPerEndpoint = 2
            $0.waitingPerEndpoint = 100
        }
        let dispatcher = bench.make()
        dispatcher.take(records(0..<20), sender: bench.sender)
        #expect(dispatcher.figures.inFlight == 2)
        var rounds = 0
        while let started = bench.sender.takeAll(), rounds < 100 {
            rounds += 1
            #expect(started.count <= 2)
            dispatcher.finish(started.map { $0.ended(status: 200) }, sender: bench.sender)
        }
        #expect(bench.settled.map(\.record.handle.offset) == Array(0..<20))
        #expect(dispatcher.figures.inFlight == 0)
    }

    @Test func `nothing is sent for a lane that is no longer ours`() {
        let bench = Bench()
        let dispatcher = bench.make()
        bench.lanes.allowed.withLock { $0 = false }
        dispatcher.take(records(0..<3), sender: bench.sender)
        #expect(bench.sender.takeAll() == nil)
        #expect(dispatcher.figures.inFlight == 0)
        #expect(bench.settled.isEmpty)
    }

    @Test func `an endpoint that answers 410 is disabled and its delivery is a dead letter`() {
        let bench = Bench()
        let dispatcher = bench.make()
        dispatcher.take(records(0..<1), sender: bench.sender)
        let started = bench.sender.takeAll() ?? []
        dispatcher.finish(started.map { $0.ended(status: 410) }, sender: bench.sender)
        #expect(bench.disabled.withLock { $0 } == [LaneRecord.endpoint])
        #expect(bench.settled.first?.audit?.verdict == .dead)
    }

    @Test func `one endpoint's failures leave another's deliveries alone`() {
        let other = EndpointID(Ulid(high: 2, low: 2))
        let bench = Bench {
            $0.breakerFailures = 2
            $0.inFlightPerEndpoint = 2
        }
        bench.book.apply([.sample(version: 2, endpoint: other)])
        let dispatcher = bench.make()
        dispatcher.take(records(0..<10), sender: bench.sender)
        let failing = bench.sender.takeAll() ?? []
        dispatcher.finish(failing.map { $0.ended(failure: "timeout") }, sender: bench.sender)
        #expect(dispatcher.figures.openBreakers == 1)
        #expect(bench.settled.count == 10, "what waited went to the companions")
        dispatcher.take(
            LaneSignals(records: [.sample(offset: 50, lane: 1, endpoint: other)]), sender: bench.sender)
        #expect(bench.sender.takeAll()?.count == 1)
    }

    @Test func `a paused endpoint's waiting records are cancelled when their turn comes`() {
        let bench = Bench { $0.inFlightPerEndpoint = 1 }
        let dispatcher = bench.make()
        dispatcher.take(records(0..<3), sender: bench.sender)
        bench.book.apply([.sample(version: 5, status: .paused)])
        let started = bench.sender.takeAll() ?? []
        dispatcher.finish(started.map { $0.ended(status: 200) }, sender: bench.sender)
        #expect(bench.settled.map { $0.audit?.verdict } == [.delivered, .cancelled, .cancelled])
        #expect(bench.settled.map { $0.audit?.reason } == [nil, "paused", "paused"])
    }

    @Test func `an endpoint that has the worker to itself and keeps up is waited for`() async {
        let bench = Bench {
            $0.inFlightPerEndpoint = 2
            $0.waitingPerEndpoint = 4
        }
        let dispatcher = bench.make()
        dispatcher.take(records(0..<6), sender: bench.sender)
        dispatcher.finish((bench.sender.takeAll() ?? []).map { $0.ended(status: 200) }, sender: bench.sender)
        dispatcher.take(records(6..<60), sender: bench.sender)
        #expect(bench.settled.count == 2, "nothing went to the companions")
        await withTaskGroup { group in
            group.addTask { await dispatcher.waitForRoom() }
            while let started = bench.sender.takeAll() {
                dispatcher.finish(started.map { $0.ended(status: 200) }, sender: bench.sender)
            }
        }
        #expect(bench.settled.map(\.record.handle.offset) == Array(0..<60))
        #expect(bench.settled.allSatisfy { $0.audit?.verdict == .delivered })
    }

    @Test func `an endpoint that stops answering is not waited for`() async {
        let bench = Bench {
            $0.inFlightPerEndpoint = 2
            $0.waitingPerEndpoint = 4
        }
        let dispatcher = bench.make()
        dispatcher.take(records(0..<6), sender: bench.sender)
        dispatcher.finish((bench.sender.takeAll() ?? []).map { $0.ended(status: 200) }, sender: bench.sender)
        bench.clock.advance(by: bench.policy.longestGap + 1)
        dispatcher.take(records(6..<60), sender: bench.sender)
        await dispatcher.waitForRoom()
        #expect(bench.settled.count > 2, "the rest went to the companions")
    }

    @Test func `what another endpoint's records would wait behind goes to the companions`() async {
        let other = EndpointID(Ulid(high: 2, low: 2))
        let bench = Bench {
            $0.inFlightPerEndpoint = 2
            $0.waitingPerEndpoint = 4
        }
        bench.book.apply([.sample(version: 2, endpoint: other)])
        let dispatcher = bench.make()
        dispatcher.take(LaneSignals(records: [.sample(offset: 90, lane: 1, endpoint: other)]), sender: bench.sender)
        dispatcher.take(records(0..<6), sender: bench.sender)
        dispatcher.finish((bench.sender.takeAll() ?? []).map { $0.ended(status: 200) }, sender: bench.sender)
        dispatcher.take(records(6..<60), sender: bench.sender)
        await dispatcher.waitForRoom()
        #expect(bench.settled.contains { $0.audit == nil })
    }

    @Test func `a draining worker starts nothing more`() {
        let bench = Bench { $0.inFlightPerEndpoint = 1 }
        let dispatcher = bench.make()
        dispatcher.take(records(0..<3), sender: bench.sender)
        dispatcher.beginDrain()
        let started = bench.sender.takeAll() ?? []
        dispatcher.finish(started.map { $0.ended(status: 200) }, sender: bench.sender)
        #expect(bench.sender.takeAll() == nil)
        #expect(bench.settled.count == 1)
    }
}

final class FakeLanes: DeliveryLanes {
    let allowed = Mutex(true)
    var isReady: Bool { true }
    func run() async throws {}
    func shutdown() async {}
    func receive() async throws -> LaneSignals? { nil }
    func settle(_ outcomes: [LaneOutcome]) async throws {}
    func mayDeliver(lane: Int, epoch: Int64) -> Bool { allowed.withLock { $0 } }
}

final class FakeSender: AttemptSender {
    private let started = Mutex<[PendingAttempt]>([])

    func start(_ attempts: [PendingAttempt]) {
        started.withLock { $0.append(contentsOf: attempts) }
    }

    /// What was started since the last call; nil when nothing was.
    func takeAll() -> [PendingAttempt]? {
        started.withLock { started in
            defer { started.removeAll() }
            return started.isEmpty ? nil : started
        }
    }
}

final class FixedClock: WallClock {
    private let time = Mutex(Timestamp(seconds: 1_000))
    func now() -> Timestamp { time.withLock(\.self) }
    func advance(by microseconds: Int64) { time.withLock { $0 = $0.adding(microseconds: microseconds) } }
}

struct FixedRandomness: DispatchRandomness {
    func jitters(_ count: Int) -> [Double] { Array(repeating: 0, count: count) }
    func deadLetter(at now: Timestamp) -> DeadLetterID { DeadLetterID(Ulid(high: 0, low: 7)) }
}

extension PendingAttempt {
    func ended(status: Int? = nil, failure: String? = nil) -> EndedAttempt {
        var result = AttemptResult()
        result.status = status
        result.failure = failure
        return EndedAttempt(
            token: token, result: result,
            audit: AttemptRecord(record, startedAt: Timestamp(seconds: 1_000), verdict: .cancelled))
    }
}

extension WebhookRevision {
    static func sample(
        version: Int64, status: Status = .active, endpoint: EndpointID = LaneRecord.endpoint
    ) -> WebhookRevision {
        WebhookRevision(
            version: version, endpoint: endpoint, tenant: TenantID(Ulid(high: 0, low: 1)), fromPos: 1, toPos: nil,
            status: status, url: "https://example.com/", events: [], timeout: nil, schedule: nil, sealedSecrets: [])
    }
}
