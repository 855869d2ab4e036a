internal import EventModel
internal import HTTPServer
internal import Store

/// How a webhook's endpoint is.
struct WebhookHealthRoutes: Sendable {
    let webhooks: WebhookStore
    let health: EndpointHealthQuery
    let clock: any WallClock

    var routes: [APIRoute] {
        [APIRoute(.get, "/v1/tenant/webhooks/{id}/health", .tenant(.tenantAdmin), find)]
    }

    private func find(_ call: APICall) async throws -> Response {
        let id: EndpointID = try call.identifier()
        guard let webhook = try await webhooks.find(id, tenant: call.tenant) else { throw WebhookRoutes.missing }
        let health = try await health.health(of: id, tenant: call.tenant, now: clock.now())
        return .object { WebhookHealthView.write(webhook, health, to: &$0) }
    }
}
