internal import EventCodec
internal import EventModel
internal import JSONPath
internal import Signing
internal import Store

/// What a request says of a webhook, checked.
enum WebhookFields {
    private static let maximumPatterns = 200
    private static let maximumFilterLength = 2_048
    private static let descriptionLength = 0...1_024
    private static let maximumMetadataBytes = 16 * 1024
    static let timeouts: ClosedRange<Int64> = 1...30
    private static let scheduleLength = 1...20
    /// A day between two attempts.
    private static let steps: ClosedRange<Int64> = 0...86_400
    /// Seconds from the first attempt to the last: what waits longer than 72 h is given up (design §5).
    private static let longestSchedule: Int64 = 71 * 3_600

    /// Patterns; empty: everything.
    static func events(_ fields: JSONFields) throws(JSONFieldError) -> [String]? {
        guard let events = try fields.optionalStrings("events", count: 0...maximumPatterns) else { return nil }
        for (index, pattern) in events.enumerated() where SubscriptionPattern(pattern) == nil {
            throw fields.invalid(
                "events[\(index)]", "is an event type, a family of types such as slack or slack.*, or *")
        }
        return events
    }

    static func timeout(_ fields: JSONFields) throws(JSONFieldError) -> Int32? {
        try fields.optionalInt("timeout_s", in: timeouts).map { Int32($0) }
    }

    static func schedule(_ fields: JSONFields) throws(JSONFieldError) -> [Int32]? {
        guard let steps = try fields.optionalInts("schedule", count: scheduleLength, in: steps) else { return nil }
        guard steps.reduce(0, +) <= longestSchedule else {
            throw fields.invalid("schedule", "has a sum of at most \(longestSchedule) seconds")
        }
        return steps.map { Int32($0) }
    }

    static func description(_ fields: JSONFields) throws(JSONFieldError) -> String? {
        try fields.optionalString("description", length: descriptionLength)
    }

    /// A condition on the envelope (RFC 9535).
    static func filter(_ fields: JSONFields) throws(JSONFieldError) -> String? {
        guard let text = try fields.optionalString("filter", length: 1...maximumFilterLength) else { return nil }
        do throws(JSONPathError) {
            return try JSONFilter(text).text
        } catch {
            throw JSONFieldError(.invalidField, "filter is a condition of JSONPath: \(error)", param: "filter")
        }
    }

    /// A JSON object's text.
    static func metadata(_ fields: JSONFields) throws(JSONFieldError) -> String? {
        guard let value = fields.value("metadata") else { return nil }
        guard case .object = value else { throw fields.invalid("metadata", "is an object") }
        let bytes = value.bytes
        guard bytes.count <= maximumMetadataBytes else {
            throw fields.invalid("metadata", "has at most \(maximumMetadataBytes) bytes")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The caller's own secret.
    static func secret(_ fields: JSONFields) throws(JSONFieldError) -> SigningSecret? {
        guard let text = try fields.optionalString("secret") else { return nil }
        do throws(SigningError) {
            return try SigningSecret(text)
        } catch {
            throw JSONFieldError(.invalidField, error.message, param: "secret")
        }
    }

    private static let rates: ClosedRange<Double> = 0.01...100_000
    private static let inFlight: ClosedRange<Int64> = 1...10_000

    /// Attempts a second.
    static func rate(_ fields: JSONFields) throws(JSONFieldError) -> Double? {
        try fields.optionalDouble("rate_per_s", in: rates)
    }

    /// Attempts under way at a time.
    static func maximumInFlight(_ fields: JSONFields) throws(JSONFieldError) -> Int? {
        try fields.optionalInt("max_in_flight", in: inFlight).map { Int($0) }
    }

    /// The change that a PATCH asks for, but for its URL. `null` resets what has a default.
    static func change(_ fields: JSONFields) throws(JSONFieldError) -> WebhookChange {
        var change = WebhookChange()
        change.isActive = try fields.optionalBool("active")
        change.events = fields.presence("events") == .null ? [] : try events(fields)
        if fields.presence("timeout_s") != .absent { change.timeoutSeconds = .some(try timeout(fields)) }
        if fields.presence("schedule") != .absent { change.schedule = .some(try schedule(fields)) }
        if fields.presence("filter") != .absent { change.filter = .some(try filter(fields)) }
        if fields.presence("rate_per_s") != .absent { change.ratePerSecond = .some(try rate(fields)) }
        if fields.presence("max_in_flight") != .absent { change.inFlight = .some(try maximumInFlight(fields)) }
        change.description = fields.presence("description") == .null ? "" : try description(fields)
        change.metadata = fields.presence("metadata") == .null ? "{}" : try metadata(fields)
        return change
    }
}
