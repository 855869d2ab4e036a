public import EventModel

/// Reads the body of `POST /v1/events` (`contracts.md` §4) in one pass: an object, an array of objects, or NDJSON.
///
/// An event is `{type, data, smith_id?, created_at?, idempotency_key?}`. Other keys are refused and not passed over: a
/// misspelt `idempotency_key` that is silently dropped costs its publisher duplicates. `null` counts as absent for the
/// three optional fields; `data` may be any JSON value, `null` included, but must be there.
public struct PublishParser: Sendable {
    public struct Limits: Hashable, Sendable {
        /// Bytes of one event, from brace to brace.
        public var eventBytes = 256 * 1024
        /// Bytes of the body.
        public var bodyBytes = 1024 * 1024
        public var events = 1_000
        /// Containers in one another, the event's own object being the first.
        public var depth = 64
        /// How far ahead of this server's clock a `created_at` may be, microseconds. It is then set to the clock's time;
        /// beyond this it is refused.
        public var futureTolerance: Int64 = 60_000_000

        public init() {}
    }

    /// How the body is written.
    public enum Format: Hashable, Sendable {
        /// An object, or an array of objects.
        case json
        /// One object a line (`application/x-ndjson`); empty lines are passed over. Always a batch.
        case ndjson
    }

    public let limits: Limits

    public init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// - Parameters:
    ///   - headerKey: The header `Idempotency-Key`, as it came. For a single event it must agree with the body's key; in a
    ///     batch it stands, with the index, for each event that has no key of its own.
    ///   - now: This server's time.
    public func parse(
        _ body: [UInt8], format: Format = .json, headerKey: String? = nil, now: Timestamp
    ) throws(PublishError) -> PublishedBody {
        guard body.count <= limits.bodyBytes else {
            throw PublishError(.bodyTooLarge, "a body has at most \(limits.bodyBytes) bytes")
        }
        var key: IdempotencyKey?
        if let headerKey {
            key = IdempotencyKey(headerKey)
            guard key != nil else { throw Self.invalidKey(param: "Idempotency-Key") }
        }
        return try body.span.withUnsafeBytes { (bytes) throws(PublishError) in
            let reader = EventReader(bytes: bytes, limits: limits, now: now)
            switch format {
            case .ndjson: return try parseLines(reader, key)
            case .json: return try parseDocument(reader, key)
            }
        }
    }

    private func parseDocument(_ reader: EventReader, _ key: IdempotencyKey?) throws(PublishError) -> PublishedBody {
        var cursor = try reader.cursor(0..<reader.bytes.count)
        switch try wrapped(nil, { () throws(JSONError) in try cursor.peek() }) {
        case 0x7B:
            var event = try reader.read(&cursor, index: nil)
            try wrapped(nil) { () throws(JSONError) in try cursor.expectEnd() }
            if let key {
                guard event.key == nil || event.key == key else {
                    throw PublishError(
                        .idempotencyKeyMismatch, "the header Idempotency-Key and the body's idempotency_key differ",
                        param: "idempotency_key")
                }
                event.key = key
            }
            return PublishedBody(form: .single, events: [event])
        case 0x5B:
            return try parseArray(reader, &cursor, key)
        default:
            // Say "not JSON" of what is not JSON, and only of the rest that it is the wrong value.
            try wrapped(nil) { () throws(JSONError) in
                _ = try cursor.readValue(depth: 0)
                try cursor.expectEnd()
            }
            throw PublishError(.invalidBody, "a body is an event (an object) or an array of events")
        }
    }

    private func parseArray(
        _ reader: EventReader, _ cursor: inout JSONCursor, _ key: IdempotencyKey?
    ) throws(PublishError) -> PublishedBody {
        var events: [PublishedEvent] = []
        let isEmpty = try wrapped(nil) { () throws(JSONError) in
            try cursor.enter(depth: 0)
            return try cursor.skip(ifNext: 0x5D)
        }
        var isMore = !isEmpty
        while isMore {
            try append(reader, &cursor, key, to: &events)
            isMore = try wrapped(nil) { () throws(JSONError) in
                if try cursor.skip(ifNext: 0x5D) { return false }
                try cursor.expect(0x2C)
                return true
            }
        }
        try wrapped(nil) { () throws(JSONError) in try cursor.expectEnd() }
        return try batch(events)
    }

    private func parseLines(_ reader: EventReader, _ key: IdempotencyKey?) throws(PublishError) -> PublishedBody {
        var events: [PublishedEvent] = []
        var start = 0
        while start < reader.bytes.count {
            let end = reader.bytes[start...].firstIndex(of: 0x0A) ?? reader.bytes.count
            var cursor = try reader.cursor(start..<end)
            cursor.skipWhitespace()
            if !cursor.isAtEnd {
                let index = events.count
                try append(reader, &cursor, key, to: &events)
                try wrapped(index) { () throws(JSONError) in try cursor.expectEnd() }
            }
            start = end + 1
        }
        return try batch(events)
    }

    /// Reads the next event of a batch.
    private func append(
        _ reader: EventReader, _ cursor: inout JSONCursor, _ key: IdempotencyKey?, to events: inout [PublishedEvent]
    ) throws(PublishError) {
        let index = events.count
        guard index < limits.events else {
            throw PublishError(.tooManyEvents, "a batch has at most \(limits.events) events")
        }
        var event = try reader.read(&cursor, index: index)
        if event.key == nil { event.key = key?.at(index: index) }
        events.append(event)
    }

    private func batch(_ events: [PublishedEvent]) throws(PublishError) -> PublishedBody {
        guard !events.isEmpty else { throw PublishError(.emptyBatch, "a batch has at least one event") }
        return PublishedBody(form: .batch, events: events)
    }

    static func invalidKey(param: String, index: Int? = nil) -> PublishError {
        PublishError(
            .invalidField, "an idempotency key has 1-\(IdempotencyKey.maximumLength) printable ASCII characters",
            param: param, index: index)
    }
}

/// Gives a scanner's error its place in the batch.
func wrapped<Result>(
    _ index: Int?, _ body: () throws(JSONError) -> Result
) throws(PublishError) -> Result {
    do throws(JSONError) {
        return try body()
    } catch {
        let code: PublishError.Code = error.code == .tooDeep ? .tooDeep : .malformedJSON
        throw PublishError(code, error.description, index: index)
    }
}
