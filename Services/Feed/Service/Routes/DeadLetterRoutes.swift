internal import Backbone
internal import Crypto
internal import Encodings
internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Observability
internal import Store

/// Dead letters: looked at, sent again, thrown away.
struct DeadLetterRoutes: Sendable {
    let letters: DeadLetterStore
    let audit: AuditQueries
    let feed: FeedQueries
    let webhooks: WebhookStore
    let lanes: any LaneAppender
    let clock: any WallClock
    let metrics: DeadLetterMetrics

    var routes: [APIRoute] {
        let path = "/v1/tenant/dead-letters"
        return [
            APIRoute(.get, path, .tenant(.tenantAdmin), list),
            APIRoute(.get, path + "/{id}", .tenant(.tenantAdmin), find),
            APIRoute(.get, path + "/{id}/payload", .tenant(.tenantAdmin), payload),
            APIRoute(.post, path + "/{id}/redrive", .tenant(.tenantAdmin), redrive),
            APIRoute(.delete, path + "/{id}", .tenant(.tenantAdmin), discard),
        ]
    }

    private static var missing: HTTPError { .notFound("there is no such dead letter") }
    /// Of a reason, in characters.
    private static let reasonLength = 1...500
    private static let states = ["dead", "redriven", "all"]

    // MARK: Looking

    private func list(_ call: APICall) async throws -> Response {
        let (cursor, limit) = try call.listPosition()
        if let cursor, DeadLetterID(cursor) == nil {
            throw call.invalid("cursor", "is the next_cursor of an earlier page")
        }
        let page = try await letters.page(tenant: call.tenant, try filter(call), before: cursor, limit: limit)
        return .object { json in
            json.member(
                "data",
                array: { json in
                    for letter in page.letters { json.object { DeadLetterView.write(letter, to: &$0) } }
                })
            json.member("next_cursor", page.hasMore ? page.edge : nil)
            json.member("has_more", page.hasMore)
        }
    }

    private func filter(_ call: APICall) throws(HTTPError) -> DeadLetterFilter {
        var filter = DeadLetterFilter()
        filter.endpoint = try call.queryIdentifier("webhook_id")
        if let text = call.query["type"] {
            guard let pattern = SubscriptionPattern(text) else {
                throw call.invalid("type", "is an event type or a family of them")
            }
            filter.type = pattern.family
        }
        if let text = call.query["error_class"] {
            guard Self.isErrorClass(text) else { throw call.invalid("error_class", "is a class such as http_5xx") }
            filter.errorClass = text
        }
        filter.since = try call.time("since")
        filter.until = try call.time("until")
        switch try call.choice("state", of: Self.states) {
        case "all": filter.isRedriven = nil
        case "redriven": filter.isRedriven = true
        default: filter.isRedriven = false
        }
        return filter
    }

    static func isErrorClass(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                $0 == UInt8(ascii: "_") || (0x30...0x39).contains($0) || (0x61...0x7A).contains($0)
            }
    }

    private func find(_ call: APICall) async throws -> Response {
        guard let (letter, payload) = try await letters.find(try call.identifier(), tenant: call.tenant) else {
            throw Self.missing
        }
        let attempts = try await audit.attempts(letter.delivery, tenant: call.tenant)
        return .object { json in
            DeadLetterView.write(letter, to: &json)
            json.member("cause", attempts.first?.cause)
            json.member("payload_sha256", Hex.encode(SHA256.hash(payload).bytes))
            json.member("payload", raw: payload)
            json.member(
                "attempts",
                array: { json in
                    for row in attempts { json.object { AuditView.write(row, tenant: call.tenant, to: &$0) } }
                })
        }
    }

    /// The bytes and nothing else, as they were sent.
    private func payload(_ call: APICall) async throws -> Response {
        guard let (_, payload) = try await letters.find(try call.identifier(), tenant: call.tenant) else {
            throw Self.missing
        }
        return .json(200, payload)
    }

    // MARK: Ending

    /// The same event to the same webhook, with a fresh schedule, as a delivery of its own. Repeated after an answer that
    /// was lost, it is the same delivery again.
    private func redrive(_ call: APICall) async throws -> Response {
        let id: DeadLetterID = try call.identifier()
        guard let (letter, _) = try await letters.find(id, tenant: call.tenant) else { throw Self.missing }
        if letter.redrivenAt != nil {
            throw HTTPError(
                status: 409, code: "already_redriven",
                message: "it was sent again as \(letter.redelivery?.description ?? "another delivery")")
        }
        try await demandActive(letter.endpoint, tenant: call.tenant)
        let version = try await feed.head().configVersion
        let cause = Cause.request(JobID.make(at: clock.now()).description)
        guard let claimed = try await letters.claim([id], tenant: call.tenant, cause: cause).first else {
            throw HTTPError(
                status: 410, code: "event_gone",
                message: "the event is older than the feed keeps it, or somebody else was faster: the payload is here")
        }
        do throws(BackboneError) {
            try await lanes.append([RequestedDelivery(claimed, tenant: call.tenant, configVersion: version)])
        } catch {
            throw HTTPError(backbone: error)
        }
        metrics.redriven.increment(
            by: try await letters.noteRedriven([id], tenant: call.tenant, actor: call.bearer.token.description))
        return .object(202) { json in
            json.member("dead_letter_id", id)
            json.member("event_id", claimed.event)
            json.member("webhook_id", claimed.endpoint)
            json.member(
                "delivery_id", DeliveryID(event: claimed.event, endpoint: claimed.endpoint, cause: claimed.cause))
        }
    }

    private func demandActive(_ endpoint: EndpointID, tenant: TenantID) async throws {
        let status = try await webhooks.find(endpoint, tenant: tenant)?.status
        guard status == .active else {
            throw HTTPError(
                status: 409, code: "webhook_not_active",
                message: "the webhook is \(status?.rawValue ?? "deleted"): nothing is sent to it until it is active")
        }
    }

    /// With a reason, in the body or, for clients that send none with DELETE, in the query.
    private func discard(_ call: APICall) async throws -> Response {
        let id: DeadLetterID = try call.identifier()
        guard try await letters.find(id, tenant: call.tenant) != nil else { throw Self.missing }
        let fields = try call.fields()
        try fields.refuseUnknown(["reason"])
        let reason: String
        if fields.presence("reason") == .absent, let text = call.query["reason"] {
            guard Self.reasonLength.contains(text.unicodeScalars.count), !text.unicodeScalars.contains("\0") else {
                throw call.invalid("reason", "has 1-500 characters")
            }
            reason = text
        } else {
            reason = try fields.string("reason", length: Self.reasonLength)
            guard !reason.unicodeScalars.contains("\0") else { throw fields.invalid("reason", "has no NUL character") }
        }
        let count = try await letters.discard(
            [id], tenant: call.tenant, actor: call.bearer.token.description, reason: reason)
        guard count > 0 else { throw Self.missing }
        metrics.discarded.increment(by: count)
        return .noContent
    }
}

extension RequestedDelivery {
    /// A dead letter that is sent again.
    init(_ letter: ClaimedLetter, tenant: TenantID, configVersion: Int64) {
        self.init(
            row: FeedRow(
                pos: letter.pos, part: letter.part, id: letter.event, tenant: tenant, type: letter.type,
                onlyEndpoint: nil, exceptEndpoint: nil, recordedAt: letter.recordedAt, envelope: nil),
            endpoint: letter.endpoint, cause: letter.cause, configVersion: configVersion, envelope: letter.payload)
    }
}

/// What people do about dead letters.
struct DeadLetterMetrics: Sendable {
    let redriven: Counter
    let discarded: Counter

    init(_ registry: MetricsRegistry) {
        redriven = registry.counter("fanfare_dead_letters_redriven_total", "Dead letters that were sent again.")
        discarded = registry.counter("fanfare_dead_letters_discarded_total", "Dead letters that were thrown away.")
    }
}
