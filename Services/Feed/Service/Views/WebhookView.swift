internal import EventCodec
internal import EventModel
internal import Store

/// What holds for a webhook that does not say otherwise.
public struct DeliveryDefaults: Sendable {
    /// Seconds.
    public var timeout: Int
    /// Seconds to wait before each attempt.
    public var schedule: [Int]

    public init(timeout: Int = 10, schedule: [Int] = [0, 30, 120, 600, 3_600]) {
        self.timeout = timeout
        self.schedule = schedule
    }
}

enum WebhookView {
    static func write(_ record: WebhookRecord, _ defaults: DeliveryDefaults, to json: inout JSONWriter) {
        json.member("id", record.id)
        json.member("url", record.url)
        json.member("events", record.events)
        json.member("filter", record.filter)
        json.member("active", record.status == .active)
        json.member("status", record.status.rawValue)
        if let reason = record.statusReason { json.member("status_reason", reason) }
        json.member("timeout_s", record.timeoutSeconds.map { Int($0) } ?? defaults.timeout)
        let schedule = record.schedule.map { $0.map { Int($0) } } ?? defaults.schedule
        json.member("schedule", array: { json in for step in schedule { json.int(step) } })
        json.member("rate_per_s", record.limits.ratePerSecond)
        json.member("max_in_flight", record.limits.inFlight)
        json.member("description", record.description)
        json.member("metadata", raw: Array(record.metadata.utf8))
        if record.isToBeVerified { json.member("verify", true) }
        json.member("header_names", record.headerNames)
        certificate(record, to: &json)
        json.member("v1a", record.publicKey != nil)
        json.member("public_key", record.publicKey)
        json.member("created_at", record.createdAt)
        json.member("updated_at", record.updatedAt)
    }

    /// The certificate that we show the endpoint, and the CAs that we trust: what may be shown of them.
    static func certificate(_ record: WebhookRecord, to json: inout JSONWriter) {
        if let subject = record.certificateSubject {
            json.member(
                "client_certificate",
                object: { json in
                    json.member("subject", subject)
                    json.member("expires_at", record.certificateUntil)
                })
        } else {
            json.member("client_certificate", String?.none)
        }
        if let until = record.authoritiesUntil {
            json.member("ca_bundle", object: { $0.member("expires_at", until) })
        } else {
            json.member("ca_bundle", String?.none)
        }
    }
}
