internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Store

/// Why a webhook got an event or not, and what it has not acknowledged.
struct InsightRoutes: Sendable {
    let feed: FeedQueries
    let trace: TraceQueries
    let undelivered: UndeliveredQueries
    let webhooks: WebhookStore

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/v1/events/{id}/trace", .tenant(.tenantAdmin), trace),
            APIRoute(.get, "/v1/tenant/webhooks/{id}/undelivered", .tenant(.tenantAdmin), undelivered),
        ]
    }

    private func trace(_ call: APICall) async throws -> Response {
        let (after, limit) = try call.listPosition()
        guard let event = try await feed.event(try call.identifier(), tenant: call.tenant) else {
            throw HTTPError.notFound("there is no such event, or the feed keeps it no longer")
        }
        let found = try await EventTrace.read(event, from: trace, after: after, limit: limit)
        return .object { found.write(to: &$0) }
    }

    private func undelivered(_ call: APICall) async throws -> Response {
        let endpoint: EndpointID = try call.identifier()
        let query = try FeedQuery(call)
        let includesMissed = try call.choice("missed", of: ["true", "false"]) == "true"
        guard try await webhooks.find(endpoint, tenant: call.tenant) != nil else { throw WebhookRoutes.missing }
        let window = try await undelivered.window(
            endpoint, tenant: call.tenant, after: query.cursor?.pos, since: query.filter.since)
        try query.check(window.head)
        let outcome = try await UndeliveredSweep(
            queries: undelivered, feed: feed, includesMissed: includesMissed
        ).look(through: window, of: endpoint, tenant: call.tenant, limit: query.limit)
        return .object { json in
            json.member(
                "data",
                array: { json in
                    for item in outcome.items { json.object { Self.write(item, to: &$0) } }
                })
            // Also at the end: the next sweep goes on from here.
            json.member("next_cursor", FeedCursor(epoch: window.head.epoch, pos: outcome.edge).text)
            json.member("has_more", outcome.hasMore)
        }
    }

    private static func write(_ item: UndeliveredSweep.Item, to json: inout JSONWriter) {
        json.member("event_id", item.event.event)
        json.member("type", item.event.type)
        json.member("recorded_at", item.event.recordedAt)
        json.member("state", item.last?.verdict ?? (item.isMissed ? "missed" : "waiting"))
        json.member("reason", item.last?.reason ?? item.reason)
        json.member("delivery_id", item.last?.delivery?.description)
        json.member("attempts", item.last?.attempt ?? 0)
        json.member("last_status", item.last?.status)
        json.member("last_error", item.last?.errorClass)
        json.member("last_attempt_at", item.last?.startedAt)
        json.member("next_attempt_at", item.last?.verdict == "retrying" ? item.last?.nextAttemptAt : nil)
    }
}
