internal import EventCodec
internal import EventModel
internal import Store

/// A delivery that ended without success.
enum DeadLetterView {
    static func write(_ letter: DeadLetterRecord, to json: inout JSONWriter) {
        json.member("id", letter.id)
        json.member("webhook_id", letter.endpoint)
        json.member("event_id", letter.event)
        json.member("delivery_id", letter.delivery)
        json.member("type", letter.type)
        json.member("state", letter.redrivenAt == nil ? "dead" : "redriven")
        json.member("reason", letter.reason)
        json.member("attempt_count", letter.attempts)
        json.member("last_status", letter.status)
        json.member("error_class", letter.errorClass)
        json.member("payload_bytes", letter.payloadBytes)
        json.member("dead_at", letter.diedAt)
        json.member("redriven_at", letter.redrivenAt)
        json.member("redelivery_id", letter.redelivery?.description)
    }
}
