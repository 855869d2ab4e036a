internal import EventCodec
internal import EventModel
internal import Store

/// What a job is asked to do, as a request says it.
enum JobFields {
    private static let known: Set<String> = [
        "action", "webhook_id", "from", "to", "types", "smith_id", "error_class", "rate_per_s", "reason", "dry_run",
    ]
    /// Of a list of types.
    private static let mostTypes = 64
    private static let rates = 0.01...100_000.0

    /// Unlike elsewhere a field that is not known is refused: a filter with a slip in its name would find everything.
    static func order(_ fields: JSONFields) throws(JSONFieldError) -> JobRecord.Order {
        try fields.refuseUnknown(known)
        guard let action = try fields.optionalChoice("action", of: JobRecord.Action.self) else {
            throw JSONFieldError(.missingField, "action is missing", param: "action")
        }
        var order = JobRecord.Order(action)
        if let text = try fields.optionalString("webhook_id") {
            guard let id = EndpointID(text) else { throw fields.invalid("webhook_id", "is a webhook's id") }
            order.endpoint = id
        }
        order.from = try time(fields, "from")
        order.to = try time(fields, "to")
        if let from = order.from, let to = order.to, from >= to { throw fields.invalid("to", "is later than from") }
        order.types = try types(fields)
        if let smith = try fields.optionalString("smith_id") {
            guard SmithID(smith) != nil else { throw fields.invalid("smith_id", "is 1-64 printable characters") }
            order.smith = smith
        }
        if let text = try fields.optionalString("error_class") {
            guard DeadLetterRoutes.isErrorClass(text), action == .redrive || action == .discard else {
                throw fields.invalid("error_class", "is a class such as http_5xx, for redrive and discard")
            }
            order.errorClass = text
        }
        order.ratePerSecond = try fields.optionalDouble("rate_per_s", in: rates)
        if action == .discard {
            if order.ratePerSecond != nil { throw fields.invalid("rate_per_s", "is not for discard: nothing is sent") }
            let isTrial = try isTrial(fields)
            order.reason = try fields.optionalString("reason", length: 1...500) ?? ""
            if order.reason.isEmpty, !isTrial {
                throw JSONFieldError(.missingField, "a discard needs a reason", param: "reason")
            }
            guard !order.reason.unicodeScalars.contains("\0") else {
                throw fields.invalid("reason", "has no NUL character")
            }
        }
        return order
    }

    static func isTrial(_ fields: JSONFields) throws(JSONFieldError) -> Bool {
        try fields.optionalBool("dry_run") ?? false
    }

    private static func time(_ fields: JSONFields, _ name: String) throws(JSONFieldError) -> Timestamp? {
        guard let text = try fields.optionalString(name) else { return nil }
        guard let time = RFC3339.parse(text) else {
            throw fields.invalid(name, "is a time as RFC 3339 writes it, such as 2026-06-10T00:00:00Z")
        }
        return time
    }

    /// Families; empty: everything.
    private static func types(_ fields: JSONFields) throws(JSONFieldError) -> [String] {
        var patterns: [SubscriptionPattern] = []
        for (index, text) in (try fields.optionalStrings("types", count: 0...mostTypes) ?? []).enumerated() {
            guard let pattern = SubscriptionPattern(text) else {
                throw fields.invalid("types[\(index)]", "is an event type or a family of them")
            }
            patterns.append(pattern)
        }
        return SubscriptionFilter(patterns).patterns.compactMap { $0.family?.text }
    }
}
