import Backbone
import EventModel
import Observability
import Store
import Synchronization
import TestSupport
import Testing

@testable import DeliveryService

/// A span is asked for, and the answer does not come at once.
@Suite(.serialized, .database(migrations: Schema.migrations)) struct SwitchAnswerTests {
    /// A store that does what it is asked and answers as the test says.
    private final class Store: FeedCursors {
        struct State {
            /// How the next calls fail, although they are done.
            var failures: [BackboneError.Code] = []
            var opened: [EndpointID: OpenedSpan] = [:]
            var calls = 0
            var epoch: Int64 = 1
        }

        let state = Mutex(State())

        func take(lanes: [Int]) async throws(BackboneError) -> TakenCursors {
            state.withLock { state in
                var taken = TakenCursors()
                state.epoch += 1
                for lane in lanes { taken.epochs[lane] = state.epoch }
                taken.cursors = state.opened.values.map(\.cursor)
                return taken
            }
        }

        func open(
            _ spans: [SpanOpening]
        ) async throws(BackboneError) -> (configVersion: Int64, spans: [OpenedSpan?]) {
            let (failure, opened) = state.withLock { state in
                state.calls += 1
                let failure = state.failures.isEmpty ? nil : state.failures.removeFirst()
                // A server that is away does nothing.
                if failure == .unavailable { return (failure, [OpenedSpan?]()) }
                let opened = spans.map { opening -> OpenedSpan? in
                    let span = state.opened[opening.endpoint] ?? Self.span(opening)
                    state.opened[opening.endpoint] = span
                    return span
                }
                return (failure, opened)
            }
            if let failure { throw BackboneError(failure, "as the test says") }
            return (1, opened)
        }

        private static func span(_ opening: SpanOpening) -> OpenedSpan {
            OpenedSpan(
                span: FeedSpan(cursor: opening.id, endpoint: opening.endpoint, from: opening.from, to: nil),
                cursor: DeliveryCursor(
                    id: opening.id, kind: .span, tenant: opening.tenant, endpoint: opening.endpoint, lane: opening.lane,
                    cause: .live, pos: opening.from - 1, until: nil))
        }

        func jobs(lanes: [Int]) async throws(BackboneError) -> [DeliveryCursor] { [] }
        func close(
            _ cursors: [(id: CursorID, lane: Int, epoch: Int64)]
        ) async throws(BackboneError) -> (configVersion: Int64, ends: [Int64?]) { (1, cursors.map { _ in nil }) }
        func record(_ progress: [CursorProgress]) async throws(BackboneError) -> [CursorID: CursorState] { [:] }
        func page(_ query: CursorQuery) async throws(BackboneError) -> CursorPage {
            CursorPage(items: [], edge: query.after, next: query.after + 1, oldest: 1, configVersion: 0)
        }
    }

    private struct Bench {
        let bench: DispatcherTests.Bench
        let dispatcher: Dispatcher
        let store = Store()
        let engine: CursorEngine

        /// With 30 records of an endpoint that takes two, so that a span is asked for.
        init() async throws {
            bench = DispatcherTests.Bench { policy in
                policy.maySwitch = true
                policy.inFlightPerEndpoint = 2
                policy.waitingPerEndpoint = 16
                policy.companyMemory = .max
            }
            dispatcher = bench.make()
            let follower = RevisionFollower(
                store: RevisionStore(pool: TestDatabase.current.pool()), logger: TestDatabase.logger
            ) { _ in }
            try await follower.reach(0)
            engine = CursorEngine(
                feed: store, history: { endpoint, _ in [.sample(version: 1, endpoint: endpoint)] }, follower: follower,
                book: bench.book, dispatcher: dispatcher, sender: bench.sender, clock: bench.clock,
                logger: TestDatabase.quietLogger, metrics: MetricsRegistry())
            engine.state.withLock { $0.lanes[0] = CursorEngine.Lane(laneEpoch: 1, epoch: 1) }
            let other = EndpointID(Ulid(high: 2, low: 2))
            bench.book.apply([.sample(version: 2, endpoint: other)])
            take([.sample(offset: 900, lane: 1, endpoint: other)])
            dispatcher.finish((bench.sender.takeAll() ?? []).map { $0.ended(status: 200) }, sender: bench.sender)
            bench.outcomes.withLock { $0 = [] }
            take((10..<40).map { .sample(offset: $0) })
        }

        func take(_ records: [LaneRecord]) {
            dispatcher.take(LaneSignals(records: records), sender: bench.sender)
        }

        /// Records that left the lane unsent, since a cursor has them, and those that went to the companions.
        var left: (finished: Int, postponed: Int) {
            let settled = bench.settled
            let finished = settled.count { outcome in
                guard case .finished = outcome.next else { return false }
                return outcome.audit == nil
            }
            let postponed = settled.count { outcome in
                guard case .postponed = outcome.next else { return false }
                return true
            }
            return (finished, postponed)
        }
    }

    @Test func `a server that is away says nothing of a call that it may have done`() async throws {
        let bench = try await Bench()
        bench.store.state.withLock { $0.failures = [.outcomeUnknown, .unavailable, .unavailable] }
        for _ in 0..<3 { await bench.engine.switchTurn() }
        #expect(bench.left == (0, 0), "what waits for the answer waits on")
        await bench.engine.switchTurn()
        #expect(bench.store.state.withLock { $0.calls } == 4)
        #expect(bench.left == (28, 0))
        #expect(bench.engine.state.withLock { $0.cursors.count } == 1)
    }

    @Test func `a call that was surely not done ends the matter at once`() async throws {
        let bench = try await Bench()
        bench.store.state.withLock { $0.failures = [.unavailable] }
        await bench.engine.switchTurn()
        #expect(bench.left == (0, 28))
        #expect(bench.engine.state.withLock { $0.cursors.isEmpty && $0.untaken.isEmpty })
    }

    @Test func `without an answer for long the lane goes on, and its cursors are taken again`() async throws {
        let bench = try await Bench()
        bench.store.state.withLock { $0.failures = [.outcomeUnknown, .unavailable] }
        await bench.engine.switchTurn()
        bench.engine.state.withLock { $0.switchingSince = .now - .seconds(60) }
        await bench.engine.switchTurn()
        #expect(bench.left == (0, 28))
        await bench.engine.switchTurn()
        #expect(bench.engine.state.withLock { $0.cursors.count } == 1, "the span that was open after all is served")
    }
}
