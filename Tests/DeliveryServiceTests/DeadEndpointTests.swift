import Backbone
import Database
import EventModel
import Observability
import Store
import Synchronization
import TestSupport
import Testing

@testable import DeliveryService

/// An endpoint that answers nobody for an hour, at 1 000 events a second, with a clock of the test's: the feed is pretended,
/// since nobody must look at it event by event.
@Suite(.serialized, .database(migrations: Schema.migrations)) struct DeadEndpointTests {
    private static let perSecond: Int64 = 1_000

    /// A feed whose events come into being with the time.
    private final class PretendedFeed: FeedCursors {
        struct State {
            var head: Int64 = 1
            var span: OpenedSpan?
            var pos: Int64 = 0
            var pages = 0
            var rowsRead = 0
            var records = 0
        }

        let state = Mutex(State())

        func take(lanes: [Int]) async throws(BackboneError) -> TakenCursors {
            var taken = TakenCursors()
            for lane in lanes { taken.epochs[lane] = 1 }
            return taken
        }

        func jobs(lanes: [Int]) async throws(BackboneError) -> [DeliveryCursor] { [] }

        func open(
            _ spans: [SpanOpening]
        ) async throws(BackboneError) -> (configVersion: Int64, spans: [OpenedSpan?]) {
            let opened = spans.map { opening in
                OpenedSpan(
                    span: FeedSpan(cursor: opening.id, endpoint: opening.endpoint, from: opening.from, to: nil),
                    cursor: DeliveryCursor(
                        id: opening.id, kind: .span, tenant: opening.tenant, endpoint: opening.endpoint,
                        lane: opening.lane, cause: .live, pos: opening.from - 1, until: nil))
            }
            state.withLock { $0.span = opened[0] }
            return (1, opened)
        }

        func close(
            _ cursors: [(id: CursorID, lane: Int, epoch: Int64)]
        ) async throws(BackboneError) -> (configVersion: Int64, ends: [Int64?]) {
            state.withLock { state in
                state.span?.span.to = state.head
                return (1, cursors.map { _ in state.head })
            }
        }

        func record(_ progress: [CursorProgress]) async throws(BackboneError) -> [CursorID: CursorState] {
            state.withLock { state in
                state.records += 1
                for one in progress { state.pos = max(state.pos, one.pos) }
                return Dictionary(uniqueKeysWithValues: progress.map { ($0.id, $0.isDone ? .done : .active) })
            }
        }

        func page(_ query: CursorQuery) async throws(BackboneError) -> CursorPage {
            state.withLock { state in
                let last = min(state.head - 1, query.until ?? .max, query.after + Int64(query.limit))
                let items = last > query.after ? (query.after + 1...last).map(Self.item) : []
                state.pages += 1
                state.rowsRead += items.count
                return CursorPage(
                    items: items, edge: max(last, query.after), next: state.head, oldest: 1, configVersion: 0)
            }
        }

        static func trace(_ pos: Int64) -> EventTrace {
            EventTrace(traceHigh: 7, traceLow: UInt64(pos), span: 1, flags: 1)
        }

        private static func item(_ pos: Int64) -> CursorPage.Item {
            CursorPage.Item(
                pos: pos, event: EventID(Ulid(high: 9, low: UInt64(pos))), type: "run.completed",
                recordedAt: Timestamp(microseconds: 1_000_000_000 + pos * 1_000_000 / DeadEndpointTests.perSecond),
                envelope: [0x7B, 0x7D], trace: pos % 2 == 0 ? Self.trace(pos) : nil)
        }
    }

    @Test func `a dead endpoint costs nothing per event, and catches up at its own speed`() async throws {
        let bench = DispatcherTests.Bench { policy in
            policy.maySwitch = true
            policy.inFlightPerEndpoint = 32
        }
        let dispatcher = bench.make()
        let pool = TestDatabase.current.pool()
        let revisions = RevisionStore(pool: pool)
        let follower = RevisionFollower(store: revisions, logger: TestDatabase.logger) { _ in }
        try await follower.reach(1)
        let feed = PretendedFeed()
        let metrics = MetricsRegistry()
        func metric(_ name: String) -> Double? {
            var bytes: [UInt8] = []
            metrics.render(into: &bytes)
            return MetricsText(String(decoding: bytes, as: UTF8.self)).families[name]?.samples.first?.value
        }
        let engine = CursorEngine(
            feed: feed, history: { endpoint, _ in [.sample(version: 1, endpoint: endpoint)] }, follower: follower,
            book: bench.book, dispatcher: dispatcher, sender: bench.sender, clock: bench.clock,
            logger: TestDatabase.quietLogger, metrics: metrics)
        engine.state.withLock { state in
            state.lanes[0] = CursorEngine.Lane(laneEpoch: 1, epoch: 1)
        }

        var copies = 0
        var attempts = 0
        var accepted = 0
        var isAnswering = false
        /// What the lanes would do with outcomes.
        func settle() {
            let outcomes = bench.outcomes.withLock { outcomes in
                defer { outcomes = [] }
                return outcomes
            }
            engine.note(outcomes)
            for outcome in outcomes {
                switch outcome.next {
                case .retry, .postponed: copies += 1
                case .finished: if outcome.audit != nil { accepted += 1 }
                case .dead: break
                }
            }
            engine.recorded(outcomes.map(\.record.handle).filter { $0.source == LaneHandle.cursor })
        }
        func answer() {
            while let started = bench.sender.takeAll() {
                attempts += started.count
                for record in started.map(\.record) where record.handle.source == LaneHandle.cursor {
                    #expect(record.trace == (record.pos % 2 == 0 ? PretendedFeed.trace(record.pos) : nil))
                }
                let ended = started.map { isAnswering ? $0.ended(status: 200) : $0.ended(failure: "timeout") }
                dispatcher.finish(ended, sender: bench.sender)
                settle()
            }
        }
        /// A tenth of a second: events come, the matcher fans out what is in no span, the worker does its turns.
        func pass(_ tenths: Int) async {
            for _ in 0..<tenths {
                bench.clock.advance(by: 100_000)
                let (from, to, span) = feed.state.withLock { state in
                    defer { state.head += Self.perSecond / 10 }
                    return (state.head, state.head + Self.perSecond / 10, state.span?.span)
                }
                let live = (from..<to).filter { !(span?.contains($0) ?? false) }.map {
                    LaneRecord.sample(offset: Int($0))
                }
                if !live.isEmpty { dispatcher.take(LaneSignals(records: live), sender: bench.sender) }
                answer()
                await engine.switchTurn()
                _ = await engine.readTurn()
                _ = dispatcher.tick(sender: bench.sender)
                answer()
                settle()
            }
        }

        await pass(36_000)
        #expect(feed.state.withLock { $0.span != nil })
        #expect(attempts < 200, "probes and nothing else: \(attempts)")
        #expect(copies < 200, "next attempts of probes and nothing else: \(copies)")
        #expect(feed.state.withLock { $0.rowsRead } < 1_000)
        let backlog = feed.state.withLock { $0.head }
        #expect(backlog > 3_500_000)
        // The head is known as of the last probe; a page of one event is read for each.
        let lag = try #require(metric("fanfare_delivery_span_lag_positions"))
        #expect(lag > Double(backlog) - 100_000 && lag <= Double(backlog))
        let age = try #require(metric("fanfare_delivery_span_lag_seconds"))
        #expect((3_400...3_600).contains(age), "\(age)")
        #expect(metric("fanfare_delivery_cursor_reads_total") == Double(feed.state.withLock { $0.rowsRead }))

        // It answers again, at once each time: what was missed is read page by page, as fast as it takes it.
        isAnswering = true
        bench.clock.advance(by: 60_000_000)
        _ = dispatcher.tick(sender: bench.sender)
        answer()
        let (pages, before) = (feed.state.withLock { $0.pages }, accepted)
        for _ in 0..<200 where await engine.readTurn() { answer() }
        #expect(accepted - before >= 190 * 256, "\(accepted - before)")
        #expect(feed.state.withLock { $0.pages } - pages <= 200)
        await engine.record()
        #expect(feed.state.withLock { $0.pos } >= Int64(accepted))
        #expect(dispatcher.figures.openBreakers == 0)
    }
}
