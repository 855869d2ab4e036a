internal import EventCodec
internal import EventModel
internal import Store

/// Bulk work as it stands.
enum JobView {
    static func write(_ job: JobRecord, at now: Timestamp, to json: inout JSONWriter) {
        json.member("id", job.id)
        json.member("action", job.order.action.rawValue)
        json.member("state", job.state.rawValue)
        json.member("webhook_id", job.order.endpoint?.description)
        json.member("from", job.order.from)
        json.member("to", job.order.to)
        json.member("types", job.order.types)
        json.member("smith_id", job.order.smith)
        json.member("error_class", job.order.errorClass)
        json.member("rate_per_s", job.order.ratePerSecond)
        json.member("reason", job.order.reason.isEmpty ? nil : job.order.reason)
        json.member("matched", job.matched)
        json.member("exact", job.isExact)
        json.member("progress", job.progress.map { ($0 * 10_000).rounded(.down) / 10_000 })
        json.member("position", job.reached)
        json.member("sent", job.sent)
        json.member("delivered", job.delivered)
        json.member("retrying", job.retrying)
        json.member("failed", job.failed)
        json.member("discarded", job.discarded)
        json.member("rate", (job.rate(at: now) * 10).rounded() / 10)
        json.member("created_by", job.actor)
        json.member("created_at", job.createdAt)
        json.member("ended_at", job.endedAt)
    }
}
