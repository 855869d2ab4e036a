/// A JSON text as a tree: for small management requests and settings, never for payloads.
public enum JSONValue: Hashable, Sendable {
    /// Members in the text's order; no key twice.
    case object([Member])
    case array([JSONValue])
    case string(String)
    case number(JSONNumber)
    case bool(Bool)
    case null

    public struct Member: Hashable, Sendable {
        public var key: String
        public var value: JSONValue

        public init(_ key: String, _ value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    /// What a management request may be: small and flat.
    public static let requestLimits = JSONLimits(depth: 32, bytes: 256 * 1024)

    /// Reads one JSON text; a key that stands twice in any of its objects is refused.
    public init(parsing text: Span<UInt8>, limits: JSONLimits = requestLimits) throws(JSONError) {
        self = try JSONScanner.scan(text, limits) { (cursor: inout JSONCursor, bytes) throws(JSONError) in
            let value = try cursor.readTree(depth: 0, bytes)
            try cursor.expectEnd()
            return value
        }
    }

    public init(parsing text: [UInt8], limits: JSONLimits = requestLimits) throws(JSONError) {
        try self.init(parsing: text.span, limits: limits)
    }

    /// The member's value; nil where this is no object or has no such member.
    public subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    /// The JSON text, without white space.
    public var bytes: [UInt8] {
        var writer = JSONWriter()
        writer.value(self)
        return writer.bytes
    }
}

/// A number as it was written, since neither `Double` nor `Int64` holds every one.
public struct JSONNumber: Hashable, Sendable {
    public let text: String

    /// - Parameter text: A number as RFC 8259 writes it.
    init(unchecked text: String) { self.text = text }

    public init(_ value: Int64) { self.text = "\(value)" }

    /// The whole number, if it is written as one and fits.
    public var int: Int64? { Int64(text) }

    /// The nearest number; nil if it is greater than any.
    public var double: Double? {
        guard let value = Double(text), value.isFinite else { return nil }
        return value
    }
}

extension JSONCursor {
    /// Reads the value that begins here into a tree. Recursion is as deep as the text, which the depth limit bounds.
    fileprivate mutating func readTree(depth: Int, _ bytes: UnsafeRawBufferPointer) throws(JSONError) -> JSONValue {
        switch try peek() {
        case 0x7B:
            var members: [JSONValue.Member] = []
            // Bytes, since `String` calls canonically equivalent keys equal and JSON does not.
            var keys: Set<[UInt8]> = []
            try readObject(depth: depth) { (cursor: inout JSONCursor, span) throws(JSONError) in
                let key = JSONText.string(at: span, of: bytes)
                guard keys.insert(Array(key.utf8)).inserted else { throw JSONError(.duplicateKey, at: span.start) }
                members.append(JSONValue.Member(key, try cursor.readTree(depth: depth + 1, bytes)))
            }
            return .object(members)
        case 0x5B:
            var elements: [JSONValue] = []
            try readArray(depth: depth) { (cursor: inout JSONCursor) throws(JSONError) in
                elements.append(try cursor.readTree(depth: depth + 1, bytes))
            }
            return .array(elements)
        default:
            let span = try readValue(depth: depth)
            switch span.kind {
            case .string: return .string(JSONText.string(at: span, of: bytes))
            case .true: return .bool(true)
            case .false: return .bool(false)
            case .null: return .null
            case .number, .object, .array:
                return .number(JSONNumber(unchecked: String(decoding: bytes[span.range], as: UTF8.self)))
            }
        }
    }
}
