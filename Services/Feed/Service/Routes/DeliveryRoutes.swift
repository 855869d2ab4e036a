internal import Backbone
internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Store

/// Deliveries, as their attempts tell of them, and asking for one again (contracts §7).
struct DeliveryRoutes: Sendable {
    let audit: AuditQueries
    let feed: FeedQueries
    let webhooks: WebhookStore
    let lanes: any LaneAppender
    let clock: any WallClock

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/v1/tenant/deliveries", .tenant(.tenantAdmin), list),
            APIRoute(.get, "/v1/tenant/deliveries/{id}", .tenant(.tenantAdmin), find),
            APIRoute(.get, "/v1/tenant/deliveries/{id}/attempts", .tenant(.tenantAdmin), attempts),
            APIRoute(.post, "/v1/tenant/deliveries/{id}/redeliver", .tenant(.tenantAdmin), redeliver),
            APIRoute(.post, "/v1/events/{id}/resend", .tenant(.tenantAdmin), resend),
            APIRoute(.get, "/v1/tenant/audit", .tenant(.tenantAdmin), auditRows),
        ]
    }

    private static let states = AttemptRecord.Verdict.allCases.map(\.rawValue)

    private func filter(_ call: APICall, state: String) throws -> AuditFilter {
        var filter = AuditFilter(tenant: call.tenant)
        filter.endpoint = try call.queryIdentifier("webhook_id")
        filter.event = try call.queryIdentifier("event_id")
        filter.delivery = try call.queryIdentifier("delivery_id")
        if let type = call.query["type"] {
            guard EventType(type) != nil else { throw call.invalid("type", "is an event type") }
            filter.type = type
        }
        filter.verdict = call.query[state]
        filter.since = try call.time("since")
        filter.until = try call.time("until")
        return filter
    }

    private func position(_ call: APICall) throws(HTTPError) -> (before: Int64?, limit: Int) {
        let (cursor, limit) = try call.listPosition()
        guard let cursor else { return (nil, limit) }
        guard let before = Int64(cursor), before > 0 else {
            throw call.invalid("cursor", "is the next_cursor of an earlier page")
        }
        return (before, limit)
    }

    private func list(_ call: APICall) async throws -> Response {
        let (before, limit) = try position(call)
        var filter = try filter(call, state: "state")
        filter.verdict = try call.choice("state", of: Self.states)
        filter.direction = "outbound"
        let page = try await audit.page(filter, before: before, limit: limit, latestOnly: true)
        return answer(page) { json, row in DeliveryView.write(row, to: &json) }
    }

    private func auditRows(_ call: APICall) async throws -> Response {
        let (before, limit) = try position(call)
        var filter = try filter(call, state: "verdict")
        filter.direction = try call.choice("direction", of: ["inbound", "outbound", "management"])
        filter.integration = call.query["integration_id"]
        let page = try await audit.page(filter, before: before, limit: limit, latestOnly: false)
        return answer(page) { json, row in AuditView.write(row, tenant: call.tenant, to: &json) }
    }

    private func answer(_ page: AuditPage, _ element: (inout JSONWriter, AuditRow) -> Void) -> Response {
        .object { json in
            json.member(
                "data",
                array: { json in
                    for row in page.rows { json.object { element(&$0, row) } }
                })
            json.member("next_cursor", page.hasMore ? String(page.edge) : nil)
            json.member("has_more", page.hasMore)
        }
    }

    private func rows(_ call: APICall) async throws -> [AuditRow] {
        let rows = try await audit.attempts(try call.identifier(), tenant: call.tenant)
        guard !rows.isEmpty else {
            throw HTTPError.notFound("there is no such delivery, or its first attempt has not ended yet")
        }
        return rows
    }

    private func find(_ call: APICall) async throws -> Response {
        guard let last = try await rows(call).last else { throw HTTPError.notFound() }
        return .object { DeliveryView.write(last, to: &$0) }
    }

    private func attempts(_ call: APICall) async throws -> Response {
        let rows = try await rows(call)
        return .object { json in
            json.member(
                "data",
                array: { json in
                    for row in rows { json.object { AuditView.write(row, tenant: call.tenant, to: &$0) } }
                })
            json.member("next_cursor", String?.none)
            json.member("has_more", false)
        }
    }

    /// The same event to the same webhook, with a fresh schedule.
    private func redeliver(_ call: APICall) async throws -> Response {
        guard let last = try await rows(call).last, let event = last.event, let endpoint = last.endpoint else {
            throw HTTPError.notFound("there is no such delivery")
        }
        return try await request(call, event: event, endpoint: endpoint)
    }

    /// An event to a webhook that the caller names, whether it had it or not.
    private func resend(_ call: APICall) async throws -> Response {
        let fields = try call.fields()
        guard let endpoint = EndpointID(try fields.string("webhook_id")) else {
            throw fields.invalid("webhook_id", "is a webhook's id")
        }
        return try await request(call, event: try call.identifier(), endpoint: endpoint)
    }

    private func request(_ call: APICall, event id: EventID, endpoint: EndpointID) async throws -> Response {
        guard let webhook = try await webhooks.find(endpoint, tenant: call.tenant) else { throw WebhookRoutes.missing }
        guard webhook.status == .active else {
            throw HTTPError(
                status: 409, code: "webhook_not_active",
                message: "the webhook is \(webhook.status.rawValue): nothing is sent to it until it is active")
        }
        guard let event = try await feed.event(id, tenant: call.tenant) else {
            throw HTTPError.notFound("there is no such event")
        }
        let version = try await feed.head().configVersion
        let cause = Cause.request(JobID.make(at: clock.now()).description)
        let row = FeedRow(
            pos: event.row.pos, part: event.row.part, id: event.row.id, tenant: event.row.tenant, type: event.row.type,
            onlyEndpoint: event.row.onlyEndpoint, exceptEndpoint: event.row.exceptEndpoint,
            recordedAt: event.row.recordedAt, envelope: nil)
        do throws(BackboneError) {
            try await lanes.append([
                RequestedDelivery(
                    row: row, endpoint: endpoint, cause: cause, configVersion: version, envelope: event.envelope)
            ])
        } catch {
            throw HTTPError(backbone: error)
        }
        return .object(202) { json in
            json.member("event_id", event.row.id)
            json.member("webhook_id", endpoint)
            json.member("delivery_id", DeliveryID(event: event.row.id, endpoint: endpoint, cause: cause))
        }
    }
}
