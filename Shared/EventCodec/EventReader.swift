internal import EventModel

/// Reads one published event. The bytes are valid only inside the parser's call.
struct EventReader {
    let bytes: UnsafeRawBufferPointer
    let limits: PublishParser.Limits
    let now: Timestamp

    private enum Field: Int {
        case type, data, smith, createdAt, key
    }

    private static let names: [StaticString] = ["type", "data", "smith_id", "created_at", "idempotency_key"]

    /// A cursor over a part of the body.
    func cursor(_ range: Range<Int>) throws(PublishError) -> JSONCursor {
        guard let start = bytes.baseAddress else {
            throw PublishError(.malformedJSON, JSONError(.unexpectedEnd, at: 0).description)
        }
        return JSONCursor(
            start.assumingMemoryBound(to: UInt8.self), from: range.lowerBound, to: range.upperBound,
            maximumDepth: limits.depth)
    }

    /// Where the five fields are.
    private struct Spans {
        var type: JSONSpan?
        var data: JSONSpan?
        var smith: JSONSpan?
        var createdAt: JSONSpan?
        var key: JSONSpan?

        /// False if the field was there before.
        mutating func set(_ field: Field, _ span: JSONSpan) -> Bool {
            switch field {
            case .type: Self.set(&type, span)
            case .data: Self.set(&data, span)
            case .smith: Self.set(&smith, span)
            case .createdAt: Self.set(&createdAt, span)
            case .key: Self.set(&key, span)
            }
        }

        private static func set(_ place: inout JSONSpan?, _ span: JSONSpan) -> Bool {
            defer { place = span }
            return place == nil
        }
    }

    /// Reads the event that begins at the cursor.
    func read(_ cursor: inout JSONCursor, index: Int?) throws(PublishError) -> PublishedEvent {
        guard try wrapped(index, { () throws(JSONError) in try cursor.peek() }) == 0x7B else {
            try wrapped(index) { () throws(JSONError) in _ = try cursor.readValue(depth: 0) }
            throw PublishError(.invalidBody, "an event is an object", index: index)
        }
        let start = cursor.position
        let spans = try readFields(&cursor, index)
        guard cursor.position - start <= limits.eventBytes else {
            throw PublishError(.eventTooLarge, "an event has at most \(limits.eventBytes) bytes", index: index)
        }
        guard let data = spans.data else { throw missing("data", index) }
        var event = PublishedEvent(
            type: try type(spans.type, index), smith: try smith(spans.smith, index), createdAt: now,
            isCreatedHere: true, key: try key(spans.key, index), data: data.range)
        if let time = try createdAt(spans.createdAt, index), time <= now {
            event.createdAt = time
            event.isCreatedHere = false
        }
        return event
    }

    private func readFields(_ cursor: inout JSONCursor, _ index: Int?) throws(PublishError) -> Spans {
        var spans = Spans()
        // What is wrong with the fields is told after the object has been read: broken JSON comes first.
        var complaint: PublishError?
        try wrapped(index) { () throws(JSONError) in
            try cursor.readObject(depth: 0) { (cursor: inout JSONCursor, name) throws(JSONError) in
                let field = JSONScanner.index(of: name, in: Self.names, bytes).flatMap(Field.init)
                let value = try cursor.readValue(depth: 1)
                guard let field else {
                    complaint = complaint ?? unknown(name, index)
                    return
                }
                if !spans.set(field, value) {
                    let name = "\(Self.names[field.rawValue])"
                    complaint =
                        complaint
                        ?? PublishError(
                            .duplicateField, "\(name) stands there twice", param: name, index: index)
                }
            }
        }
        if let complaint { throw complaint }
        return spans
    }

    // MARK: Fields

    private func type(_ span: JSONSpan?, _ index: Int?) throws(PublishError) -> EventType {
        guard let span else { throw missing("type", index) }
        var type: EventType?
        if span.kind == .string {
            type =
                span.hasEscapes
                ? EventType(JSONText.string(at: span, of: bytes))
                : EventType(utf8: JSONText.content(of: span, in: bytes))
        }
        guard let type else {
            throw PublishError(
                .invalidField,
                "type is words of A-Z a-z 0-9 _ - joined by dots, at most \(EventType.maximumLength) characters",
                param: "type", index: index)
        }
        return type
    }

    private func smith(_ span: JSONSpan?, _ index: Int?) throws(PublishError) -> SmithID? {
        guard let span, span.kind != .null else { return nil }
        guard span.kind == .string, let smith = SmithID(JSONText.string(at: span, of: bytes)) else {
            throw PublishError(
                .invalidField, "smith_id is null or 1-\(SmithID.maximumLength) printable characters",
                param: "smith_id", index: index)
        }
        return smith
    }

    private func createdAt(_ span: JSONSpan?, _ index: Int?) throws(PublishError) -> Timestamp? {
        guard let span, span.kind != .null else { return nil }
        guard span.kind == .string, let time = RFC3339.parse(JSONText.string(at: span, of: bytes)) else {
            throw PublishError(
                .invalidField, "created_at is a time as RFC 3339 writes it, for example 2026-06-11T08:00:00.000Z",
                param: "created_at", index: index)
        }
        guard time.microseconds(since: now) <= limits.futureTolerance else {
            throw PublishError(
                .invalidField,
                "created_at is more than \(limits.futureTolerance / 1_000_000) s ahead of the server's clock",
                param: "created_at", index: index)
        }
        return time
    }

    private func key(_ span: JSONSpan?, _ index: Int?) throws(PublishError) -> IdempotencyKey? {
        guard let span, span.kind != .null else { return nil }
        guard span.kind == .string, let key = IdempotencyKey(JSONText.string(at: span, of: bytes)) else {
            throw PublishParser.invalidKey(param: "idempotency_key", index: index)
        }
        return key
    }

    // MARK: Complaints

    private func missing(_ name: String, _ index: Int?) -> PublishError {
        PublishError(.missingField, "\(name) is missing", param: name, index: index)
    }

    /// An unknown name is the sender's text: as much of it as helps, not more.
    private static let quotedNameLength = 64

    private func unknown(_ name: JSONSpan, _ index: Int?) -> PublishError {
        let name = String(JSONText.string(at: name, of: bytes).prefix(Self.quotedNameLength))
        return PublishError(
            .unknownField, "an event has type, data, smith_id, created_at and idempotency_key", param: name,
            index: index)
    }
}
