internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Store

/// Polling the feed, and one event.
struct EventRoutes: Sendable {
    let reader: FeedReader
    let feed: FeedQueries

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/v1/events", .tenant(.eventsRead), page),
            APIRoute(.get, "/v1/events/{id}", .tenant(.eventsRead), event),
        ]
    }

    private func page(_ call: APICall) async throws -> Response {
        let query = try FeedQuery(call)
        // Backwards nothing comes, and before a time that has passed nothing does either.
        let canWait = query.wait > 0 && !query.isDescending
        let page =
            canWait
            ? try await reader.page(query, waitingUntil: .now + .seconds(query.wait)) : try await reader.page(query)
        return .json(200, Self.render(page))
    }

    private static func render(_ page: FeedReader.Page) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(page.envelopes.reduce(128) { $0 + $1.count + 1 })
        bytes += #"{"data":["#.utf8
        var isFirst = true
        for envelope in page.envelopes {
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            bytes += envelope
        }
        bytes += #"],"next_cursor":"#.utf8
        bytes += (page.next.map { "\"\($0.text)\"" } ?? "null").utf8
        bytes += #","has_more":"#.utf8
        bytes += (page.hasMore ? "true}" : "false}").utf8
        return bytes
    }

    /// The envelope, byte for byte.
    private func event(_ call: APICall) async throws -> Response {
        guard let event = try await feed.event(try call.identifier(), tenant: call.tenant) else {
            throw HTTPError.notFound("there is no such event, or the feed keeps it no longer")
        }
        return .json(200, event.envelope)
    }
}
