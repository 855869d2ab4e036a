internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Inbound

/// What seed 3 makes of a request: where it comes from, what it is called, what identifies it, and the envelope's `data`.
struct GenericHook {
    let type: EventType
    let dedupeKey: String?
    let data: [UInt8]

    /// The longest explicit event type, identifier or key, in bytes.
    static let longestText = 1_024

    init(request: Request, workspace: WorkspaceDoor, receivedAt: Timestamp) throws(HTTPError) {
        let query = try request.head.query
        let source = try Self.source(query["source"])
        let payload = request.body
        let fields = try Self.fields(of: payload)
        func field(_ name: Field) -> JSONSpan? { fields[name.rawValue] }
        func text(_ name: Field) -> String? {
            guard let span = field(name), span.kind == .string else { return nil }
            return Self.nonEmpty(JSONText.string(at: span, of: payload))
        }

        let eventType =
            try Self.explicit(query, "event_type") ?? text(.event) ?? text(.type) ?? text(.action) ?? "received"
        let headers = request.headers
        let header = headers["x-webhook-id"].flatMap(Self.nonEmpty)
        let requestID = workspace.ignoresRequestID ? nil : headers["x-request-id"].flatMap(Self.nonEmpty)
        let dedupeKey = try Self.explicit(query, "dedupe_key") ?? header ?? requestID
        let payloadID = text(.id) ?? Self.integer(field(.id), in: payload)
        let identifier =
            try Self.explicit(query, "source_identifier") ?? dedupeKey ?? payloadID ?? "\(source):\(workspace.id)"

        guard let type = EventType("webhook.\(source).\(EventNaming.slug(eventType, sourceLength: source.utf8.count))")
        else {
            throw .badRequest("invalid_event_type", "no event type can be made of this", param: "event_type")
        }
        self.type = type
        self.dedupeKey = dedupeKey
        var writer = JSONWriter(capacity: payload.count + 1_024)
        writer.object { writer in
            writer.member("source_kind", "webhook.\(source)")
            writer.member("source", source)
            writer.member("source_identifier", identifier)
            writer.member("event_type", eventType)
            writer.member("dedupe_key", dedupeKey)
            writer.member("workspace_id", workspace.id)
            writer.member("received_at", receivedAt)
            writer.member("headers", object: { writer in RecordedHeaders.write(headers, to: &writer) })
            writer.member("payload", raw: payload)
        }
        data = writer.bytes
    }

    private enum Field: Int { case event, type, action, id }

    private static func fields(of payload: [UInt8]) throws(HTTPError) -> [JSONSpan?] {
        do {
            return try JSONScanner.members(of: payload, keys: ["event", "type", "action", "id"])
        } catch {
            let isJSON = error.code == .notAnObject
            throw .badRequest(
                isJSON ? "invalid_body" : "malformed_json",
                isJSON ? "the body must be a JSON object" : "the body is not JSON that we accept: \(error)")
        }
    }

    /// `source` matches `[a-z0-9_-]{1,64}`; the family `webhook.test` is the platform's own.
    private static func source(_ value: String?) throws(HTTPError) -> String {
        guard let value = value.flatMap(nonEmpty) else { return "generic" }
        let isValid = value.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x61...0x7A, 0x5F, 0x2D: true
            default: false
            }
        }
        guard isValid, value.utf8.count <= 64 else {
            throw .badRequest("invalid_source", "source must match [a-z0-9_-]{1,64}", param: "source")
        }
        guard value != "test" else {
            throw .badRequest("reserved_source", "the family webhook.test is the platform's own", param: "source")
        }
        return value
    }

    private static func explicit(_ query: QueryParameters, _ name: String) throws(HTTPError) -> String? {
        guard let value = query[name].flatMap(nonEmpty) else { return nil }
        guard value.utf8.count <= longestText else {
            throw .badRequest("invalid_parameter", "\(name) has at most \(longestText) bytes", param: name)
        }
        return value
    }

    private static func nonEmpty(_ text: String) -> String? { text.isEmpty ? nil : text }

    private static func integer(_ span: JSONSpan?, in payload: [UInt8]) -> String? {
        guard let span, span.kind == .number else { return nil }
        let digits = payload[span.range]
        let isInteger = digits.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2D }
        return isInteger ? String(decoding: digits, as: UTF8.self) : nil
    }
}
