internal import Database
internal import EventCodec
internal import HTTPServer
internal import Observability
internal import Store

/// Brings streams up to date: from Postgres as long as they are below the ring, then from the ring, and at its end they are
/// live. A stream is written to only as fast as its client takes it.
struct StreamFeeder: Sendable {
    let hub: FeedHub
    let feed: FeedQueries
    let gate: CatchUpGate
    /// A client that takes nothing for this long while something waits for it is gone or hopeless.
    let patience: Duration
    let log: LimitedLogger

    private static let pageEvents = 500
    private static let pageBytes = 1 << 20
    private static let ringBytes = 256 << 10
    private static let activationLimit: Duration = .seconds(5)

    /// Feeds whoever falls behind until the hub ends; then waits for none of them.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await (stream, after) in hub.stragglers {
                group.addTask { await feed(stream, after: after) }
            }
            group.cancelAll()
        }
    }

    /// Returns when the stream is live, or over.
    func feed(_ stream: FeedHub.LiveStream, after start: Int64) async {
        var after = start
        while !stream.stream.isClosed {
            if hub.isEnding || Task.isCancelled { return stream.stream.end() }
            switch hub.join(stream, after: after, bytes: Self.ringBytes) {
            case .upToDate: return
            case .entries(let stretch):
                for entry in stretch.entries {
                    let cursor = FeedCursor(epoch: stream.epoch, pos: entry.pos)
                    guard await push(entry.envelope, cursor, stream) else { return }
                }
                after = stretch.edge
            case .below:
                guard let edge = await feedFromStore(stream, after: after) else { return }
                after = edge
            }
        }
    }

    /// - Returns: how far the stream is now; nil when it is over.
    private func feedFromStore(_ stream: FeedHub.LiveStream, after: Int64) async -> Int64? {
        hub.metrics.catchUps.increment()
        do throws(DatabaseError) {
            let page = try await gate.pass { () async throws(DatabaseError) in
                try await feed.page(
                    stream.filter, after: after, descending: false,
                    limits: PageLimits(events: Self.pageEvents, bytes: Self.pageBytes))
            }
            guard after >= page.head.oldest - 1, page.head.epoch == stream.epoch else {
                // It fell out of the retention, or the feed is another one: it is told so when it comes again.
                stream.stream.end()
                return nil
            }
            for item in page.items {
                let cursor = FeedCursor(epoch: stream.epoch, pos: item.pos)
                guard await push(item.envelope, cursor, stream) else { return nil }
            }
            // At the head and the ring is not filled: it will be, from the head on.
            if !page.hasMore, hub.position == nil, await !hub.activate(atMost: Self.activationLimit) {
                stream.stream.end()
                return nil
            }
            return page.edge
        } catch {
            // The client comes again with the last id that it has seen.
            log.warning("stream-not-fed", ["reason": .describing(error)])
            stream.stream.end()
            return nil
        }
    }

    /// Pushes one event as the client makes room for it; a large one goes in pieces, so that a queue stays small.
    private func push(_ envelope: [UInt8], _ cursor: FeedCursor, _ stream: FeedHub.LiveStream) async -> Bool {
        var frame: [UInt8] = []
        EventStreamFrame.append(envelope, cursor: cursor, to: &frame)
        hub.metrics.streamed.increment()
        let piece = stream.stream.capacity / 2
        if frame.count <= piece { return await stream.stream.pushWhenRoom(frame, patience: patience) }
        for start in stride(from: 0, to: frame.count, by: piece) {
            let end = min(start + piece, frame.count)
            guard await stream.stream.pushWhenRoom(Array(frame[start..<end]), patience: patience) else {
                return false
            }
        }
        return true
    }
}
