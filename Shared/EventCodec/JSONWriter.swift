internal import Encodings
public import EventModel

/// Writes an answer's JSON straight to bytes; commas come by themselves.
///
///     var json = JSONWriter()
///     json.object { json in
///         json.member("id", event.id.description)
///         json.member("duplicate", false)
///     }
///     let body = json.bytes
///
/// Misuse (a member in an array, two values for a key) is a fault of the program, not of the world; debug builds stop at it.
public struct JSONWriter: Sendable {
    public private(set) var bytes: [UInt8] = []

    /// Whether the next key or element needs a comma before it.
    private var needsComma = false

    public init(capacity: Int = 256) {
        bytes.reserveCapacity(capacity)
    }

    /// Empties the writer and keeps its memory.
    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        needsComma = false
    }

    /// Ends a line of NDJSON: the next value stands alone.
    public mutating func endLine() {
        bytes.append(0x0A)
        needsComma = false
    }

    // MARK: Containers

    public mutating func beginObject() { open(0x7B) }
    public mutating func endObject() { close(0x7D) }
    public mutating func beginArray() { open(0x5B) }
    public mutating func endArray() { close(0x5D) }

    public mutating func object<Failure>(_ members: (inout JSONWriter) throws(Failure) -> Void) throws(Failure) {
        beginObject()
        try members(&self)
        endObject()
    }

    public mutating func array<Failure>(_ elements: (inout JSONWriter) throws(Failure) -> Void) throws(Failure) {
        beginArray()
        try elements(&self)
        endArray()
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(0x2C) }
    }

    // MARK: Keys

    /// Begins a member; its value must follow. The key is ours, so it needs no escaping.
    public mutating func key(_ key: StaticString) {
        separate()
        bytes.append(0x22)
        bytes.append(ascii: key)
        bytes.append(ascii: "\":")
        needsComma = false
    }

    /// As `key(_: StaticString)` for a name that comes from outside.
    public mutating func key(dynamic key: String) {
        separate()
        JSONText.append(key, to: &bytes)
        bytes.append(0x3A)
        needsComma = false
    }

    // MARK: Values

    public mutating func string(_ value: String) {
        separate()
        JSONText.append(value, to: &bytes)
        needsComma = true
    }

    public mutating func int(_ value: Int64) {
        separate()
        bytes.append(decimal: value)
        needsComma = true
    }

    public mutating func int(_ value: Int) { int(Int64(value)) }

    /// JSON has no infinity and no NaN: they become null.
    public mutating func double(_ value: Double) {
        separate()
        bytes.append(contentsOf: (value.isFinite ? "\(value)" : "null").utf8)
        needsComma = true
    }

    public mutating func bool(_ value: Bool) {
        separate()
        bytes.append(ascii: value ? "true" : "false")
        needsComma = true
    }

    public mutating func null() {
        separate()
        bytes.append(ascii: "null")
        needsComma = true
    }

    /// RFC 3339, UTC, milliseconds.
    public mutating func time(_ value: Timestamp) {
        separate()
        bytes.append(0x22)
        RFC3339.append(value, to: &bytes)
        bytes.append(0x22)
        needsComma = true
    }

    public mutating func identifier<Kind>(_ value: Identifier<Kind>) {
        separate()
        bytes.append(0x22)
        value.write(to: &bytes)
        bytes.append(0x22)
        needsComma = true
    }

    /// Splices a JSON text that is known to be whole, for example a stored envelope.
    public mutating func raw(_ json: Span<UInt8>) {
        separate()
        json.withUnsafeBytes { bytes.append(contentsOf: $0) }
        needsComma = true
    }

    public mutating func raw(_ json: [UInt8]) { raw(json.span) }

    /// Bytes that nobody promised to be UTF-8 (an endpoint's answer), as a string with U+FFFD for what is not.
    public mutating func string(lossy value: [UInt8]) { string(String(decoding: value, as: UTF8.self)) }

    public mutating func value(_ value: JSONValue) {
        switch value {
        case .object(let members):
            beginObject()
            for member in members {
                key(dynamic: member.key)
                self.value(member.value)
            }
            endObject()
        case .array(let elements):
            beginArray()
            for element in elements { self.value(element) }
            endArray()
        case .string(let text): string(text)
        case .number(let number): raw(number.text.utf8.span)
        case .bool(let claim): bool(claim)
        case .null: null()
        }
    }
}

extension JSONWriter {
    public mutating func member(_ key: StaticString, _ value: String) {
        self.key(key)
        string(value)
    }

    public mutating func member(_ key: StaticString, _ value: String?) {
        self.key(key)
        if let value { string(value) } else { null() }
    }

    public mutating func member(_ key: StaticString, _ value: Int) {
        self.key(key)
        int(value)
    }

    public mutating func member(_ key: StaticString, _ value: Int64) {
        self.key(key)
        int(value)
    }

    public mutating func member(_ key: StaticString, _ value: Double) {
        self.key(key)
        double(value)
    }

    public mutating func member(_ key: StaticString, _ value: Bool) {
        self.key(key)
        bool(value)
    }

    public mutating func member(_ key: StaticString, _ value: Timestamp) {
        self.key(key)
        time(value)
    }

    public mutating func member(_ key: StaticString, _ value: Timestamp?) {
        self.key(key)
        if let value { time(value) } else { null() }
    }

    public mutating func member<Kind>(_ key: StaticString, _ value: Identifier<Kind>) {
        self.key(key)
        identifier(value)
    }

    public mutating func member(_ key: StaticString, _ values: [String]) {
        self.key(key)
        array { for value in values { $0.string(value) } }
    }

    public mutating func member(_ key: StaticString, raw json: [UInt8]) {
        self.key(key)
        raw(json)
    }

    public mutating func member(_ key: StaticString, _ value: JSONValue) {
        self.key(key)
        self.value(value)
    }

    public mutating func member<Failure>(
        _ key: StaticString, object members: (inout JSONWriter) throws(Failure) -> Void
    ) throws(Failure) {
        self.key(key)
        try object(members)
    }

    public mutating func member<Failure>(
        _ key: StaticString, array elements: (inout JSONWriter) throws(Failure) -> Void
    ) throws(Failure) {
        self.key(key)
        try array(elements)
    }
}
