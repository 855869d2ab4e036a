internal import Database
internal import EventCodec
internal import HTTPServer
internal import Observability
internal import Store

/// Pages of the feed for those who poll: from the ring where it reaches, from Postgres below it.
struct FeedReader: Sendable {
    let hub: FeedHub
    let feed: FeedQueries
    let gate: CatchUpGate

    struct Page: Sendable {
        var envelopes: [[UInt8]]
        /// Nil in descending order at the feed's beginning.
        var next: FeedCursor?
        var hasMore: Bool
    }

    private static let activationLimit: Duration = .seconds(2)
    /// Between a page from Postgres and the ring's beginning there may be events again, but each try comes closer.
    private static let tries = 5

    /// A page at once, however empty.
    func page(_ query: FeedQuery) async throws -> Page {
        let page = try await gate.pass { () async throws(DatabaseError) in
            try await feed.page(
                query.filter, after: query.cursor?.pos, descending: query.isDescending,
                limits: PageLimits(events: query.limit))
        }
        hub.metrics.pagesFromStore.increment()
        try query.check(page.head)
        let isOver = query.isDescending && !page.hasMore
        return Page(
            envelopes: page.items.map(\.envelope),
            next: isOver ? nil : FeedCursor(epoch: page.head.epoch, pos: page.edge), hasMore: page.hasMore)
    }

    /// A page with at least one event, or an empty one when there is none before the deadline.
    func page(_ query: FeedQuery, waitingUntil deadline: ContinuousClock.Instant) async throws -> Page {
        var query = query
        let matcher = EventMatcher(query.filter)
        for _ in 0..<Self.tries {
            if let page = await pageFromRing(query, matcher, deadline) { return page }
            let page = try await page(query)
            if !page.envelopes.isEmpty || page.hasMore || ContinuousClock.now >= deadline { return page }
            query.cursor = page.next
            if hub.position == nil, await !hub.activate(atMost: Self.activationLimit) { return page }
        }
        return try await page(query)
    }

    /// Nil when the ring does not reach back to the cursor.
    private func pageFromRing(
        _ query: FeedQuery, _ matcher: EventMatcher, _ deadline: ContinuousClock.Instant
    ) async -> Page? {
        guard var cursor = query.cursor else { return nil }
        let id = hub.newID()
        let signal = WakeSignal()
        while true {
            // Beyond what the tailer has read a cursor may still be a good one (it came from Postgres), so it waits.
            guard let position = hub.position, position.epoch == cursor.epoch else { return nil }
            switch hub.watch(
                matcher, id: id, after: cursor.pos, limit: query.limit, bytes: FeedQuery.pageBytes, signal: signal)
            {
            case .below: return nil
            case .entries(let stretch):
                hub.metrics.pagesFromRing.increment()
                return Page(
                    envelopes: stretch.entries.map(\.envelope),
                    next: FeedCursor(epoch: cursor.epoch, pos: stretch.edge), hasMore: stretch.hasMore)
            case .upToDate:
                let isSignalled = await signal.wait(atMost: deadline - .now)
                hub.remove(id)
                if let edge = hub.position?.edge, isSignalled == false { cursor.pos = max(cursor.pos, edge) }
                guard isSignalled, !hub.isEnding else {
                    hub.metrics.pagesFromRing.increment()
                    return Page(envelopes: [], next: cursor, hasMore: false)
                }
            }
        }
    }
}
