internal import EventCodec

/// A request to seed 4's door: the seed's own form `{source, event, data, timestamp?, context?}`, what AgentGate really sends
/// (no `source`), or what FormBridge really sends (a submission without an envelope).
///
/// Read before it is verified, since it says which product's secret that takes; nothing is made of it before.
///
///     let message = try ProductMessage(body: body, hasHeader: request.headers.contains)
///     if let channel = message.source.channel { … verify the request with the tenant's integration … }
///     let event = try message.event(at: now, newSession: { "unlinked_\(ulid)" })
public struct ProductMessage: Sendable {
    public let source: ProductSource
    let body: [UInt8]
    let members: ProductMembers

    /// Reads the form and finds out who sends.
    ///
    /// - Parameter hasHeader: Whether the request has a header of that name.
    /// - Throws: 400 for what is no JSON object, or names no source.
    public init(body: [UInt8], hasHeader: (String) -> Bool) throws(ProductRefusal) {
        do throws(JSONError) {
            members = try ProductMembers(of: body, keys: Self.keys)
        } catch {
            throw ProductRefusal(.json, 400, "Invalid JSON body")
        }
        let own = ProductSource.allCases.first { $0.ownHeader.map(hasHeader) ?? false }
        let event = members.string("event") ?? ""
        let named = members.string("source").flatMap { ProductSource(rawValue: $0) }
        let prefixed = ProductSource.allCases.first { $0.eventPrefix.map(event.hasPrefix) ?? false }
        guard let source = named ?? own ?? prefixed else {
            throw ProductRefusal(
                .source, 400,
                "Invalid or missing source: agentgate, formbridge or generic is expected, or a product's signature header"
            )
        }
        self.source = source
        self.body = body
    }

    private static let keys: [StaticString] = [
        "source", "event", "data", "timestamp", "context", "submissionId", "intakeId", "state", "fields", "metadata",
    ]
}

/// Some members of an object inside a body, by name: spans, not trees.
struct ProductMembers: Sendable {
    private let body: [UInt8]
    private let spans: [String: JSONSpan]

    init(of body: [UInt8], keys: [StaticString]) throws(JSONError) {
        self.init(body, try JSONScanner.members(of: body, keys: keys), keys)
    }

    /// - Throws: for a key that stands twice.
    init(of body: [UInt8], in object: JSONSpan, keys: [StaticString]) throws(JSONError) {
        self.init(body, try JSONScanner.members(of: body, in: object, keys: keys), keys)
    }

    private init(_ body: [UInt8], _ found: [JSONSpan?], _ keys: [StaticString]) {
        self.body = body
        var spans: [String: JSONSpan] = [:]
        for (key, span) in zip(keys, found) { spans["\(key)"] = span }
        self.spans = spans
    }

    /// Where a value stands; nil where it is absent or null.
    func value(_ key: String) -> JSONSpan? {
        guard let span = spans[key], span.kind != .null else { return nil }
        return span
    }

    /// The value's JSON text.
    func raw(_ key: String) -> [UInt8]? { value(key).map { Array(body[$0.range]) } }

    /// A string's text; nil for anything else.
    func string(_ key: String) -> String? {
        guard let span = value(key), span.kind == .string else { return nil }
        return JSONText.string(at: span, of: body)
    }

    /// The value as text, whatever it is.
    func text(_ key: String) -> String? {
        string(key) ?? value(key).map { String(decoding: body[$0.range], as: UTF8.self) }
    }

    /// The value as text, unless it is empty, 0 or false.
    func meaning(_ key: String) -> String? {
        guard let text = text(key), !text.isEmpty, value(key)?.kind == .string || text != "0" && text != "false" else {
            return nil
        }
        return text
    }

    /// A number's JSON text.
    func number(_ key: String) -> [UInt8]? { value(key)?.kind == .number ? raw(key) : nil }

    func object(_ key: String) -> JSONSpan? {
        guard let span = value(key), span.kind == .object else { return nil }
        return span
    }
}
