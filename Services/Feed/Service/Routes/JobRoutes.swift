internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Store

/// Bulk work: replay, redrive, discard, resend.
struct JobRoutes: Sendable {
    let jobs: JobStore
    let webhooks: WebhookStore
    /// How many lanes there are.
    let lanes: Int
    let clock: any WallClock
    /// There is a new discard, or a job was cancelled.
    let wake: @Sendable () -> Void

    var routes: [APIRoute] {
        let path = "/v1/tenant/jobs"
        return [
            APIRoute(.post, path, .tenant(.tenantAdmin), start),
            APIRoute(.get, path, .tenant(.tenantAdmin), list),
            APIRoute(.get, path + "/{id}", .tenant(.tenantAdmin), find),
            APIRoute(.post, path + "/{id}/cancel", .tenant(.tenantAdmin), cancel),
        ]
    }

    private static var missing: HTTPError { .notFound("there is no such job") }

    // MARK: Starting

    private func start(_ call: APICall) async throws -> Response {
        let fields = try call.fields()
        let order = try JobFields.order(fields)
        let endpoints = try await endpoints(order, tenant: call.tenant)
        let range = try await range(order)
        let count = try await jobs.count(order, tenant: call.tenant, webhooks: endpoints, range: range)
        if try JobFields.isTrial(fields) {
            return .object { json in
                json.member("dry_run", true)
                json.member("action", order.action.rawValue)
                json.member("matched", count.matched)
                json.member("exact", count.isExact)
                json.member("webhooks", endpoints.count)
            }
        }
        let now = clock.now()
        let id = JobID.make(at: now)
        let problem = try await jobs.start(
            id, order, tenant: call.tenant, actor: call.bearer.token.description, count: count, range: range,
            targets: order.action == .discard
                ? []
                : endpoints.map {
                    JobStore.Target(cursor: CursorID.make(at: now), endpoint: $0, lane: $0.lane(of: lanes))
                })
        try refuse(problem)
        if order.action == .discard { wake() }
        guard let job = try await jobs.find(id, tenant: call.tenant) else { throw HTTPError.internalError() }
        return .object(202) { JobView.write(job, at: now, to: &$0) }
    }

    /// The webhooks that it has to do with.
    private func endpoints(_ order: JobRecord.Order, tenant: TenantID) async throws -> [EndpointID] {
        guard let endpoint = order.endpoint else {
            let all = try await jobs.webhooks(order.action, tenant: tenant)
            guard all.count <= JobStore.mostWebhooks else {
                throw HTTPError.badRequest(
                    "missing_field", "there are more than \(JobStore.mostWebhooks) webhooks: name one",
                    param: "webhook_id")
            }
            return all
        }
        // What a webhook left behind that is no more can still be thrown away.
        if order.action == .discard { return [endpoint] }
        guard let webhook = try await webhooks.find(endpoint, tenant: tenant) else { throw WebhookRoutes.missing }
        guard webhook.status == .active else {
            throw HTTPError(
                status: 409, code: "webhook_not_active",
                message: "the webhook is \(webhook.status.rawValue): nothing is sent to it until it is active")
        }
        return [endpoint]
    }

    /// Positions; of dead letters the whole feed, since their times are not the feed's.
    private func range(_ order: JobRecord.Order) async throws -> JobRange {
        guard order.action == .replay || order.action == .resend else {
            return try await jobs.range(from: nil, to: nil)
        }
        let range = try await jobs.range(from: order.from, to: order.to)
        guard !range.isPast else {
            let oldest = RFC3339.format(range.oldest)
            throw HTTPError(
                status: 400, code: "before_retention", message: "the oldest event that is kept was stored at \(oldest)",
                param: "from", extras: [HTTPField("oldest", oldest)])
        }
        return range
    }

    private func refuse(_ problem: JobStore.Problem?) throws(HTTPError) {
        switch problem {
        case .busy(let other):
            throw HTTPError(
                status: 409, code: "job_running", message: "\(other) works on the same dead letters; wait or cancel it")
        case .tooMany:
            throw HTTPError(
                status: 409, code: "too_many_jobs",
                message: "\(JobStore.most) jobs are running; wait for one of them or cancel it")
        case nil: return
        }
    }

    // MARK: Looking and ending

    private func list(_ call: APICall) async throws -> Response {
        let (cursor, limit) = try call.listPosition()
        var before: JobID?
        if let cursor {
            guard let id = JobID(cursor) else { throw call.invalid("cursor", "is the next_cursor of an earlier page") }
            before = id
        }
        let state = try call.choice("state", of: JobRecord.State.allCases.map(\.rawValue))
        let action = try call.choice("action", of: JobRecord.Action.allCases.map(\.rawValue))
        let page = try await jobs.list(
            tenant: call.tenant, state: state.flatMap { JobRecord.State(rawValue: $0) },
            action: action.flatMap { JobRecord.Action(rawValue: $0) },
            endpoint: try call.queryIdentifier("webhook_id"), before: before, limit: limit)
        let now = clock.now()
        return .list(page, cursor: \.id.description) { json, job in
            json.object { JobView.write(job, at: now, to: &$0) }
        }
    }

    private func find(_ call: APICall) async throws -> Response {
        guard let job = try await jobs.find(try call.identifier(), tenant: call.tenant) else { throw Self.missing }
        return .object { JobView.write(job, at: clock.now(), to: &$0) }
    }

    /// Cancelled before, it stays what it is.
    private func cancel(_ call: APICall) async throws -> Response {
        let id: JobID = try call.identifier()
        guard let job = try await jobs.find(id, tenant: call.tenant) else { throw Self.missing }
        if job.state == .running {
            try await jobs.cancel(id, tenant: call.tenant)
            wake()
        }
        guard let ended = try await jobs.find(id, tenant: call.tenant) else { throw Self.missing }
        guard ended.state != .done else {
            throw HTTPError(status: 409, code: "job_ended", message: "the job is done")
        }
        return .object { JobView.write(ended, at: clock.now(), to: &$0) }
    }
}
