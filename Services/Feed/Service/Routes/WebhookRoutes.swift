internal import Backbone
internal import Crypto
internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Signing
internal import Store

/// Webhooks: endpoints of a tenant (contracts §6).
struct WebhookRoutes: Sendable {
    let webhooks: WebhookStore
    let targets: TargetCheck
    let secrets: SecretBox
    let log: any EventLog
    let defaults: DeliveryDefaults
    let equipment: WebhookEquipmentFields
    let verification: WebhookVerification
    let resumption: WebhookResumption
    /// Every webhook is verified before anything is matched for it.
    let verifiesAll: Bool
    let clock: any WallClock

    var routes: [APIRoute] {
        [
            APIRoute(.post, "/v1/tenant/webhooks", .tenant(.tenantAdmin), maxBody: Self.maxBody, create),
            // Seed 1's name for it.
            APIRoute(.post, "/v1/webhook/subscriptions", .tenant(.tenantAdmin), maxBody: Self.maxBody, create),
            APIRoute(.get, "/v1/webhook/subscriptions", .tenant(.tenantAdmin), list),
            APIRoute(.get, "/v1/tenant/webhooks", .tenant(.tenantAdmin), list),
            APIRoute(.get, "/v1/tenant/webhooks/{id}", .tenant(.tenantAdmin), find),
            APIRoute(.patch, "/v1/tenant/webhooks/{id}", .tenant(.tenantAdmin), maxBody: Self.maxBody, change),
            APIRoute(.delete, "/v1/tenant/webhooks/{id}", .tenant(.tenantAdmin), delete),
            APIRoute(.post, "/v1/tenant/webhooks/{id}/test", .tenant(.tenantAdmin), test),
            APIRoute(.post, "/v1/tenant/webhooks/{id}/verify", .tenant(.tenantAdmin), verify),
        ]
    }

    /// Chains of certificates and a bundle of CAs, as JSON text.
    private static let maxBody = 256 * 1024

    static var missing: HTTPError { .notFound("there is no such webhook") }

    private func create(_ call: APICall) async throws -> Response {
        let fields = try call.fields()
        let url = try fields.string("url")
        let events = try WebhookFields.events(fields) ?? []
        let secret = try WebhookFields.secret(fields) ?? SigningSecret.generate()
        let id = EndpointID.make(at: clock.now())
        var webhook = NewWebhook(
            id: id, tenant: call.tenant, url: url, events: events,
            status: try fields.optionalBool("active") ?? true ? .active : .paused,
            timeoutSeconds: try WebhookFields.timeout(fields), schedule: try WebhookFields.schedule(fields),
            description: try WebhookFields.description(fields) ?? "",
            metadata: try WebhookFields.metadata(fields) ?? "{}",
            sealedSecrets: [secrets.seal(secret.text, context: WebhookRecord.secretContext(id))],
            filter: try WebhookFields.filter(fields))
        var equipment = try self.equipment.change(
            fields, for: id, hasSigningKey: false, isNew: true, now: clock.now())
        if verifiesAll { equipment.isToBeVerified = true }
        if equipment.isToBeVerified == true, webhook.status == .active { webhook.status = .pending }
        let limits = try WebhookFields.change(fields)
        webhook.url = try await targets.canonical(url)
        guard var record = try await webhooks.create(webhook, equipment) else {
            throw HTTPError.notFound("the tenant was deleted")
        }
        if record.status == .pending { verification.add(record) }
        record = try await limited(record, limits)
        return .object(201) { json in
            WebhookView.write(record, defaults, to: &json)
            // Shown here and never again: it is kept sealed.
            json.member("secret", secret.text)
        }
    }

    /// With what the change says of its limits, which are a change of their own.
    private func limited(_ record: WebhookRecord, _ change: WebhookChange) async throws -> WebhookRecord {
        if change.limitNames.isEmpty { return record }
        guard let limited = try await webhooks.limit(record.id, tenant: record.tenant, change) else {
            throw Self.missing
        }
        return limited
    }

    private func list(_ call: APICall) async throws -> Response {
        let (after, limit) = try call.listPosition()
        let page = try await webhooks.list(tenant: call.tenant, after: after, limit: limit)
        return .list(page, cursor: \.id.description) { json, record in
            json.object { WebhookView.write(record, defaults, to: &$0) }
        }
    }

    private func find(_ call: APICall) async throws -> Response {
        guard let record = try await webhooks.find(try call.identifier(), tenant: call.tenant) else {
            throw Self.missing
        }
        return .object { WebhookView.write(record, defaults, to: &$0) }
    }

    private func change(_ call: APICall) async throws -> Response {
        let fields = try call.fields()
        let id: EndpointID = try call.identifier()
        var change = try WebhookFields.change(fields)
        let point = try WebhookResumption.point(fields, change)
        if let url = try fields.optionalString("url") { change.url = try await targets.canonical(url) }
        var hasSigningKey = false
        var wasActive = false
        if fields.presence("v1a") != .absent || point == .stopped {
            guard let old = try await webhooks.find(id, tenant: call.tenant) else { throw Self.missing }
            hasSigningKey = old.publicKey != nil
            wasActive = old.status == .active
        }
        let equipment = try self.equipment.change(
            fields, for: id, hasSigningKey: hasSigningKey, isNew: false, now: clock.now())
        guard var record = try await webhooks.update(id, tenant: call.tenant, change, equipment) else {
            throw Self.missing
        }
        record = try await limited(record, change)
        // Moved, or activated without ever having answered.
        if record.status == .pending, change.url != nil || change.isActive == true { verification.add(record) }
        guard point == .stopped else { return .object { WebhookView.write(record, defaults, to: &$0) } }
        let job = wasActive ? nil : try await resumption.resume(record, call)
        return .object { json in
            WebhookView.write(record, defaults, to: &json)
            json.member("resume_job", job?.description)
        }
    }

    private func delete(_ call: APICall) async throws -> Response {
        guard try await webhooks.delete(try call.identifier(), tenant: call.tenant) else { throw Self.missing }
        return .noContent
    }

    /// Pings the endpoint now, and activates the webhook if it waited for that and the endpoint answered.
    private func verify(_ call: APICall) async throws -> Response {
        let id: EndpointID = try call.identifier()
        guard let webhook = try await webhooks.find(id, tenant: call.tenant) else { throw Self.missing }
        let (found, result) = try await verification.ping.ping(webhook)
        guard let record = found else { throw Self.missing }
        return .object { json in
            json.member("id", record.id)
            json.member("verified", result.isSuccess)
            json.member("status", record.status.rawValue)
            if let status = result.status {
                json.member("response_status", status)
            } else {
                json.member("response_status", String?.none)
            }
            json.member("error_class", result.errorClass)
            json.member("total_ms", Double(result.total) / 1_000)
            json.member("response_head", String(decoding: result.responseHead, as: UTF8.self))
        }
    }

    /// Puts `webhook.test` on the feed, for this endpoint alone.
    private func test(_ call: APICall) async throws -> Response {
        let id: EndpointID = try call.identifier()
        guard let webhook = try await webhooks.find(id, tenant: call.tenant) else { throw Self.missing }
        let event = TestEvent.make(for: webhook, at: clock.now())
        do throws(BackboneError) {
            guard case .stored = try await log.append([event]).first else {
                throw BackboneError(.unavailable, "the log did not say that it kept the event")
            }
        } catch {
            throw HTTPError(backbone: error)
        }
        return .object(202) { json in
            json.member("event_id", event.id)
            json.member("delivery_id", DeliveryID(event: event.id, endpoint: id, cause: .test))
        }
    }
}
