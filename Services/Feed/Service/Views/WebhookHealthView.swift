internal import EventCodec
internal import EventModel
internal import Store

enum WebhookHealthView {
    static func write(_ webhook: WebhookRecord, _ health: EndpointHealth, to json: inout JSONWriter) {
        let (attempts, state) = (health.attempts, health.state)
        json.member("webhook_id", webhook.id)
        json.member("status", webhook.status.rawValue)
        json.member("status_reason", webhook.statusReason)
        json.member(
            "attempts",
            object: { json in
                json.member("since", attempts.since)
                json.member("count", attempts.count)
                json.member("successes", attempts.successes)
                let rate = attempts.count > 0 ? Double(attempts.successes) / Double(attempts.count) : nil
                write("success_rate", rate, to: &json)
                write("p50_ms", attempts.p50, to: &json)
                write("p99_ms", attempts.p99, to: &json)
            })
        json.member("in_flight", state?.inFlight ?? 0)
        json.member("waiting", state?.waiting ?? 0)
        json.member("retrying", attempts.retrying)
        json.member("catching_up", health.isCatchingUp)
        json.member(
            "oldest_undelivered_at",
            [state?.oldest, attempts.oldestRetrying, health.cursorOldest].compactMap { $0 }.min())
        json.member(
            "breaker",
            object: { json in
                json.member("state", state?.breakerOpenSince == nil ? "closed" : "open")
                json.member("since", state?.breakerOpenSince)
                json.member("next_probe_at", state?.nextProbe)
            })
        json.member(
            "failing",
            object: { json in
                json.member("failures", state?.failures ?? 0)
                json.member("since", state?.failingSince)
            })
        json.member("last_success_at", state?.lastSuccess)
        json.member("last_failure_at", state?.lastFailure)
        json.member("errors", raw: Array(attempts.errors.utf8))
        WebhookView.certificate(webhook, to: &json)
        json.member("observed_at", state?.observedAt)
    }

    /// With three decimals.
    private static func write(_ name: StaticString, _ value: Double?, to json: inout JSONWriter) {
        if let value { json.member(name, (value * 1_000).rounded() / 1_000) } else { json.member(name, String?.none) }
    }
}
