internal import EventCodec
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
        json.member("description", record.description)
        json.member("metadata", raw: Array(record.metadata.utf8))
        json.member("created_at", record.createdAt)
        json.member("updated_at", record.updatedAt)
    }
}
