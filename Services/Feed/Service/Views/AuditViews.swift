internal import Encodings
internal import EventCodec
internal import EventModel
internal import Store

/// A delivery: what its last attempt says.
enum DeliveryView {
    static func write(_ row: AuditRow, to json: inout JSONWriter) {
        json.member("id", row.delivery?.description)
        json.member("webhook_id", row.endpoint?.description)
        json.member("event_id", row.event?.description)
        json.member("type", row.type)
        json.member("cause", row.cause)
        json.member("state", row.verdict)
        json.member("reason", row.reason)
        json.member("attempts", row.attempt)
        json.member("last_status", row.status)
        json.member("last_error", row.errorClass)
        json.member("last_attempt_at", row.startedAt)
        json.member("next_attempt_at", row.verdict == "retrying" ? row.nextAttemptAt : nil)
    }
}

/// A row of the audit, with the names that its table has.
enum AuditView {
    static func write(_ row: AuditRow, tenant: TenantID, to json: inout JSONWriter) {
        json.member("seq", row.seq)
        json.member("direction", row.direction)
        json.member("channel", row.channel)
        json.member("tenant_id", tenant.text)
        json.member("webhook_id", row.endpoint?.description)
        json.member("integration_id", row.integration)
        json.member("event_id", row.event?.description)
        json.member("delivery_id", row.delivery?.description)
        json.member("type", row.type)
        json.member("cause", row.cause)
        json.member("attempt", row.attempt)
        json.member("started_at", row.startedAt)
        json.member("dns_ms", row.dns)
        json.member("connect_ms", row.connect)
        json.member("tls_ms", row.tls)
        json.member("first_byte_ms", row.firstByte)
        json.member("total_ms", row.total)
        json.member("status", row.status)
        json.member("error_class", row.errorClass)
        json.member("headers_sha256", row.headersSHA256.map { Hex.encode($0) })
        json.member("payload_sha256", row.payloadSHA256.map { Hex.encode($0) })
        json.member("response_headers", row.responseHeaders)
        // An endpoint's answer need not be text.
        json.member("response_head", row.responseHead.map { String(decoding: $0, as: UTF8.self) })
        json.member("verdict", row.verdict)
        json.member("reason", row.reason)
        json.member("source_ip", row.sourceIP)
        json.member("dedupe_key", row.dedupeKey)
        json.member("age_s", row.age)
        json.member("left_out", row.leftOut)
        json.member("dead_letter_id", row.deadLetter?.description)
        json.member("actor", row.actor)
        json.member("next_attempt_at", row.nextAttemptAt)
    }
}

extension JSONWriter {
    mutating func member(_ key: StaticString, _ value: Int?) {
        self.key(key)
        if let value { int(value) } else { null() }
    }

    /// Milliseconds, to the microsecond: they are stored with single precision.
    mutating func member(_ key: StaticString, _ value: Double?) {
        self.key(key)
        if let value { double((value * 1_000).rounded() / 1_000) } else { null() }
    }
}
