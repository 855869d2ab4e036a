internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Store

/// Where a webhook that is activated again goes on: at now, or where it stopped, by a job that replays what it missed.
struct WebhookResumption: Sendable {
    enum Point: String, CaseIterable, Sendable {
        case now, stopped
    }

    let webhooks: WebhookStore
    let jobs: JobStore
    /// How many lanes there are.
    let lanes: Int
    let clock: any WallClock

    /// What a PATCH asks for.
    static func point(_ fields: JSONFields, _ change: WebhookChange) throws(JSONFieldError) -> Point {
        guard let point = try fields.optionalChoice("resume", of: Point.self) else { return .now }
        guard change.isActive == true else { throw fields.invalid("resume", "comes with active true") }
        return point
    }

    /// Begins the replay of what a webhook missed that has just been activated.
    ///
    /// - Returns: the job; nil when there was nothing to miss.
    func resume(_ webhook: WebhookRecord, _ call: APICall) async throws -> JobID? {
        guard webhook.status == .active, let range = try await webhooks.lastStop(webhook.id, tenant: webhook.tenant)
        else { return nil }
        let now = clock.now()
        var order = JobRecord.Order(.replay)
        order.endpoint = webhook.id
        let count = try await jobs.count(order, tenant: call.tenant, webhooks: [webhook.id], range: range)
        guard count.matched > 0 || !count.isExact else { return nil }
        let id = JobID.make(at: now)
        let problem = try await jobs.start(
            id, order, tenant: call.tenant, actor: call.bearer.token.description, count: count, range: range,
            targets: [
                JobStore.Target(
                    cursor: CursorID.make(at: now), endpoint: webhook.id, lane: webhook.id.lane(of: lanes))
            ])
        guard problem == nil else {
            throw HTTPError(
                status: 409, code: "too_many_jobs",
                message:
                    "the webhook is active, but \(JobStore.most) jobs are running: start a replay when one has ended")
        }
        return id
    }
}
