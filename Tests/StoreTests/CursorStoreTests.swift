import Database
import EventModel
import Store
import TestSupport
import Testing

@Suite(.serialized, .database(migrations: Schema.migrations)) struct CursorStoreTests {
    let fixture = StoreFixture()
    let cursors: CursorStore
    let revisions: RevisionStore

    init() {
        cursors = CursorStore(fixture.pool)
        revisions = RevisionStore(pool: fixture.pool)
    }

    private static func endpoint(_ number: UInt64) -> EndpointID { EndpointID(Ulid(high: 77, low: number)) }
    private static func id(_ number: UInt64) -> CursorID { CursorID(Ulid(high: 78, low: number)) }
    private static let tenant = TenantID("cursors") ?? TenantID(Ulid(high: 0, low: 0))

    private func opening(_ number: UInt64, lane: Int, epoch: Int64, from: Int64, id: UInt64? = nil) -> SpanOpening {
        SpanOpening(
            id: Self.id(id ?? number), tenant: Self.tenant, endpoint: Self.endpoint(number), lane: lane, epoch: epoch,
            from: from)
    }

    private func append(_ count: Int, from number: UInt64, type: String = "thing.made") async throws -> Int64 {
        let events = (0..<count).map {
            fixture.event(number + UInt64($0), tenant: Self.tenant.text, type: type)
        }
        return try await fixture.append(events).first
    }

    @Test func `a span opens once, closes at the head, and the next one begins behind it`() async throws {
        let first = try await append(10, from: 900_000)
        let epoch = try #require(try await cursors.take(lanes: [1]).epochs[1])
        let before = try await revisions.changes(since: 0).version
        let (version, opened) = try await cursors.open([opening(1, lane: 1, epoch: epoch, from: first + 3)])
        let span = try #require(opened[0])
        #expect(version == before + 1)
        #expect(span.span == FeedSpan(cursor: Self.id(1), endpoint: Self.endpoint(1), from: first + 3, to: nil))
        #expect(span.cursor.pos == first + 2 && span.cursor.until == nil && span.cursor.cause == .live)
        // The answer was lost: asked again under another id it is the same one.
        let again = try await cursors.open([opening(1, lane: 1, epoch: epoch, from: first + 5, id: 50)])
        #expect(again.spans[0]?.cursor.id == Self.id(1) && again.spans[0]?.span.from == first + 3)

        let changes = try await revisions.changes(since: before)
        #expect(changes.spans == [span.span])

        let closed = try await cursors.close([(Self.id(1), 1, epoch)])
        let end = try #require(closed.ends[0])
        #expect(end >= first + 10)
        #expect(try await cursors.close([(Self.id(1), 1, epoch)]).ends[0] == end)
        #expect(try await revisions.changes(since: version).spans.map(\.to) == [end])

        _ = try await append(10, from: 900_100)
        let (_, next) = try await cursors.open([opening(1, lane: 1, epoch: epoch, from: first + 4, id: 51)])
        #expect(next[0]?.span.from == end, "spans do not overlap")
        let taken = try await cursors.take(lanes: [1])
        #expect(Set(taken.cursors.map(\.id)) == [Self.id(1), Self.id(51)])
        #expect(taken.cursors.first { $0.id == Self.id(1) }?.until == end - 1)
    }

    @Test func `an earlier owner writes nothing`() async throws {
        let first = try await append(5, from: 901_000)
        let old = try #require(try await cursors.take(lanes: [2, 3]).epochs[2])
        let (_, opened) = try await cursors.open([opening(2, lane: 2, epoch: old, from: first)])
        #expect(opened[0] != nil)
        let taken = try await cursors.take(lanes: [2])
        let new = try #require(taken.epochs[2])
        #expect(new > old && taken.cursors.map(\.id) == [Self.id(2)])
        #expect(try await cursors.open([opening(3, lane: 2, epoch: old, from: first)]).spans == [nil])
        #expect(try await cursors.close([(Self.id(2), 2, old)]).ends == [nil])
        let stale = CursorProgress(id: Self.id(2), lane: 2, epoch: old, pos: first + 4, delivered: 5)
        #expect(try await cursors.record([stale]) == [Self.id(2): .refused])
        #expect(try await cursors.take(lanes: [2]).cursors[0].pos == first - 1)
    }

    @Test func `progress is recorded, never goes back, and ends`() async throws {
        let first = try await append(5, from: 902_000)
        let epoch = try #require(try await cursors.take(lanes: [4]).epochs[4])
        _ = try await cursors.open([opening(4, lane: 4, epoch: epoch, from: first)])
        func record(_ pos: Int64, isDone: Bool = false) async throws -> CursorState? {
            try await cursors.record([
                CursorProgress(
                    id: Self.id(4), lane: 4, epoch: epoch, pos: pos, delivered: 2, retrying: 1, isDone: isDone)
            ])[Self.id(4)]
        }
        #expect(try await record(first + 3) == .active)
        #expect(try await record(first + 1) == .active)
        #expect(try await fixture.number("select pos from fanfare.cursors where id = '\(Self.id(4))'") == first + 3)
        #expect(try await fixture.number("select delivered from fanfare.cursors where id = '\(Self.id(4))'") == 4)
        #expect(try await record(first + 4, isDone: true) == .done)
        #expect(try await cursors.take(lanes: [4]).cursors.isEmpty)
        let unknown = CursorID(Ulid(high: 1, low: 1))
        let epochNow = try #require(try await cursors.take(lanes: [4]).epochs[4])
        #expect(
            try await cursors.record([CursorProgress(id: unknown, lane: 4, epoch: epochNow, pos: 1)])
                == [unknown: .gone])
    }

    @Test func `pages hold what the cursor asks for and say how far they looked`() async throws {
        let first = try await append(6, from: 903_000, type: "slack.message")
        _ = try await append(6, from: 903_100, type: "slackish")
        _ = try await append(6, from: 903_200, type: "slack")
        var query = CursorQuery(
            tenant: Self.tenant, endpoint: Self.endpoint(5), after: first - 1, until: first + 17, limit: 100,
            bytes: 1 << 20)
        var page = try await cursors.page(query)
        #expect(page.items.map(\.pos) == (first..<first + 18).map(\.self))
        #expect(page.edge == first + 17 && page.next >= first + 18)
        query.families = ["slack"]
        page = try await cursors.page(query)
        #expect(
            page.items.map(\.type) == Array(repeating: "slack.message", count: 6) + Array(repeating: "slack", count: 6))
        query.limit = 4
        page = try await cursors.page(query)
        #expect(page.items.count == 4 && page.edge == page.items[3].pos)
        query.limit = 100
        query.scan = 8
        page = try await cursors.page(query)
        #expect(page.items.count == 6 && page.edge == first + 7)
        query.scan = 100
        query.bytes = 1
        page = try await cursors.page(query)
        #expect(page.items.count == 1 && page.edge == first)
        query.after = first + 17
        page = try await cursors.page(query)
        #expect(page.items.isEmpty && page.edge == first + 17)
    }

    @Test func `pages of spans and of jobs bring the trace that an event stands in`() async throws {
        let trace = EventTrace(traceHigh: 1, traceLow: 2, span: 3, flags: 1)
        var events = (0..<3).map { fixture.event(904_000 + UInt64($0), tenant: Self.tenant.text, type: "traced") }
        events[1].trace = trace
        let first = try await fixture.append(events).first
        var query = CursorQuery(
            tenant: Self.tenant, endpoint: Self.endpoint(7), after: first - 1, until: first + 2, limit: 100,
            bytes: 1 << 20)
        #expect(try await cursors.page(query).items.map(\.trace) == [nil, trace, nil])
        // A job of another kind than the store knows reads as a replay does.
        query.job = "job_unknown"
        #expect(try await cursors.page(query).items.map(\.trace) == [nil, trace, nil])
    }

    @Test func `jobs are found by their lanes, summed up and cancelled`() async throws {
        let cause = Cause("job_test")
        func job(_ number: UInt64) -> DeliveryCursor {
            DeliveryCursor(
                id: Self.id(number), kind: .job, tenant: Self.tenant, endpoint: Self.endpoint(number), lane: 6,
                cause: cause, pos: 4, until: 9, types: ["slack"], smith: "s", ratePerSecond: 2.5)
        }
        try await cursors.add([job(60), job(61)])
        try await cursors.add([job(60)])
        let found = try await cursors.jobs(lanes: [5, 6])
        #expect(Set(found) == [job(60), job(61)])
        let epoch = try #require(try await cursors.take(lanes: [6]).epochs[6])
        _ = try await cursors.record([
            CursorProgress(id: Self.id(60), lane: 6, epoch: epoch, pos: 9, delivered: 5, failed: 1, isDone: true)
        ])
        var summary = try await cursors.summary(cause: cause)
        #expect(summary.cursors == 2 && summary.active == 1 && summary.delivered == 5 && summary.failed == 1)
        #expect(summary.pos == 4 && summary.until == 9)
        #expect(try await cursors.cancel(cause: cause) == 1)
        let late = CursorProgress(id: Self.id(61), lane: 6, epoch: epoch, pos: 6, delivered: 1)
        #expect(try await cursors.record([late]) == [Self.id(61): .cancelled])
        summary = try await cursors.summary(cause: cause)
        #expect(summary.active == 0 && summary.cancelled == 1 && summary.delivered == 6)
    }
}
