internal import EventCodec

/// The members that a scheme looks at in a JSON payload, found by one scan.
struct PayloadFields {
    private let payload: [UInt8]
    private let spans: [JSONSpan?]
    private let keys: [StaticString]

    /// - Throws: `malformedBody` unless the payload is one JSON object within the scanner's limits.
    init(_ payload: [UInt8], _ keys: [StaticString]) throws(InboundRefusal) {
        self.payload = payload
        self.keys = keys
        do {
            spans = try JSONScanner.members(of: payload, keys: keys)
        } catch {
            throw InboundRefusal(.malformedBody)
        }
    }

    /// As `init(_:_:)`, but any JSON will do: what is no object has no members. For senders whose users write the bodies.
    init(anyJSON payload: [UInt8], _ keys: [StaticString]) throws(InboundRefusal) {
        guard let value = try? JSONScanner.validate(payload) else { throw InboundRefusal(.malformedBody) }
        if value.kind == .object {
            try self.init(payload, keys)
        } else {
            self.init(payload, keys, Array(repeating: nil, count: keys.count))
        }
    }

    private init(_ payload: [UInt8], _ keys: [StaticString], _ spans: [JSONSpan?]) {
        self.payload = payload
        self.keys = keys
        self.spans = spans
    }

    private init(_ payload: [UInt8], in object: JSONSpan, _ keys: [StaticString]) throws(InboundRefusal) {
        self.payload = payload
        self.keys = keys
        do {
            spans = try JSONScanner.members(of: payload, in: object, keys: keys)
        } catch {
            throw InboundRefusal(.malformedBody)
        }
    }

    func span(_ key: StaticString) -> JSONSpan? {
        for (index, candidate) in keys.enumerated() where Self.areEqual(candidate, key) { return spans[index] }
        return nil
    }

    private static func areEqual(_ left: StaticString, _ right: StaticString) -> Bool {
        guard left.utf8CodeUnitCount == right.utf8CodeUnitCount else { return false }
        for index in 0..<left.utf8CodeUnitCount where left.utf8Start[index] != right.utf8Start[index] { return false }
        return true
    }

    /// The text of a string that is not empty.
    func text(_ key: StaticString) -> String? {
        guard let span = span(key), span.kind == .string else { return nil }
        let text = JSONText.string(at: span, of: payload)
        return text.isEmpty ? nil : text
    }

    /// The text of a string, or a number as it is written.
    func textOrNumber(_ key: StaticString) -> String? {
        guard let span = span(key), span.kind == .number else { return text(key) }
        return String(decoding: payload[span.range], as: UTF8.self)
    }

    /// The members of an object inside; nil where there is none.
    func object(_ key: StaticString, _ keys: [StaticString]) throws(InboundRefusal) -> PayloadFields? {
        guard let span = span(key), span.kind == .object else { return nil }
        return try PayloadFields(payload, in: span, keys)
    }

    /// The strings among these members that hold something, in the order of the payload.
    func secrets(_ keys: [StaticString]) -> [JSONSpan] {
        keys.compactMap { span($0) }.filter { $0.kind == .string && $0.end - $0.start > 2 }
    }
}

/// Takes secrets out of payloads that are stored.
enum Redaction {
    static let mark = "[redacted]"

    /// The payload with the strings at `spans` replaced; every other byte stays.
    static func apply(_ spans: [JSONSpan], to payload: [UInt8]) -> [UInt8] {
        guard !spans.isEmpty else { return payload }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(payload.count + spans.count * mark.utf8.count)
        var start = 0
        for span in spans.sorted(by: { $0.start < $1.start }) {
            bytes.append(contentsOf: payload[start..<span.start])
            JSONText.append(mark, to: &bytes)
            start = span.end
        }
        bytes.append(contentsOf: payload[start...])
        return bytes
    }
}
