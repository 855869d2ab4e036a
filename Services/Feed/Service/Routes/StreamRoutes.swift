internal import EventCodec
internal import HTTPServer
internal import Store

/// The feed as server-sent events.
struct StreamRoutes: Sendable {
    let hub: FeedHub
    let feed: FeedQueries
    let maximumStreams: Int

    var routes: [APIRoute] { [APIRoute(.get, "/v1/events/stream", .tenant(.eventsRead), stream)] }

    private static let activationLimit: Duration = .seconds(3)
    /// Bytes that may wait for a client. One that takes longer is fed from the ring as it makes room.
    private static let queueBytes = 64 * 1024

    private func stream(_ call: APICall) async throws -> Response {
        var query = try FeedQuery(call)
        // What a client has seen last wins over where it wanted to begin.
        let lastSeen = try FeedQuery.cursor(call.request.headers["Last-Event-ID"], param: "Last-Event-ID")
        query.cursor = lastSeen ?? query.cursor
        query.isDescending = false
        guard call.request.method == .get else { return .events(ResponseStream()) }
        guard hub.streamCount < maximumStreams else {
            throw HTTPError.unavailable("too many streams are open here", code: "overloaded", retryAfterSeconds: 5)
        }
        guard await hub.activate(atMost: Self.activationLimit), let position = hub.position else {
            throw HTTPError.storeUnavailable
        }
        let start = try await start(query, position)
        let hub = hub
        let id = hub.newID()
        let live = FeedHub.LiveStream(
            id: id, epoch: start.epoch, filter: query.filter,
            stream: ResponseStream(capacity: Self.queueBytes) { hub.remove(id) })
        live.stream.push(EventStreamFrame.opening)
        hub.adopt(live, after: start.pos)
        return .events(live.stream)
    }

    /// Where the stream begins: behind the cursor, or at `since`, or now.
    private func start(
        _ query: FeedQuery, _ position: (epoch: UInt32, edge: Int64)
    ) async throws -> FeedCursor {
        if let cursor = query.cursor {
            // Within the ring it is a good one; else Postgres knows.
            if cursor.epoch == position.epoch, hub.reaches(cursor.pos) { return cursor }
            try query.check(try await feed.head().head)
            return cursor
        }
        guard query.filter.since != nil else { return FeedCursor(epoch: position.epoch, pos: position.edge) }
        let head = try await feed.head().head
        return FeedCursor(epoch: head.epoch, pos: head.oldest - 1)
    }
}
