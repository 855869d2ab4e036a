public import EventModel

/// Builds one array parameter element by element in its wire form, without a Swift array in between.
///
/// Each `append` must fit the element type given at the start. A builder can be filled while others are (one a column)
/// and used again after `removeAll()`, which keeps its memory.
///
/// ```swift
/// var envelopes = ArrayBuilder(.bytes)
/// for record in batch { record.withBytes { envelopes.append($0) } }
/// parameters.add(envelopes)
/// ```
public struct ArrayBuilder: Sendable {
    public let type: ElementType
    public private(set) var count = 0
    private var hasNulls = false
    /// Where the array starts in `bytes`: the arena may hold other parameters before it.
    private let start: Int
    private(set) var bytes: [UInt8]

    /// Dimensions, flag, element type, length, lower bound.
    private static let headerLength = 20
    private static let emptyHeaderLength = 12

    public init(_ type: ElementType, reservingBytes capacity: Int = 0) {
        self.init(type, continuing: [], reservingBytes: capacity)
    }

    init(_ type: ElementType, continuing bytes: consuming [UInt8], reservingBytes capacity: Int = 0) {
        self.type = type
        self.start = bytes.count
        self.bytes = bytes
        if capacity > 0 { self.bytes.reserveCapacity(start + Self.headerLength + capacity) }
        writeHeader()
    }

    private mutating func writeHeader() {
        bytes.append(bigEndian: Int32(1))
        bytes.append(bigEndian: Int32(0))
        bytes.append(bigEndian: type.element.rawValue)
        bytes.append(bigEndian: Int32(0))
        bytes.append(bigEndian: Int32(1))
    }

    /// Makes it empty and keeps its memory.
    public mutating func removeAll() {
        bytes.removeSubrange(start...)
        count = 0
        hasNulls = false
        writeHeader()
    }

    /// The finished bytes, from `start` on; nothing may be appended afterwards.
    consuming func finish() -> [UInt8] {
        precondition(count <= Int32.max, "an array parameter has at most 2^31 - 1 elements")
        if count == 0 {
            // An empty array has no dimensions at all.
            bytes.removeLast(Self.headerLength - Self.emptyHeaderLength)
            bytes.write(bigEndian: 0, at: start)
        } else {
            bytes.write(bigEndian: hasNulls ? 1 : 0, at: start + 4)
            bytes.write(bigEndian: Int32(count), at: start + 12)
        }
        return bytes
    }

    public mutating func appendNull() {
        bytes.append(bigEndian: Int32(-1))
        hasNulls = true
        count += 1
    }

    public mutating func append(_ value: Bool) {
        expect(type == .bool)
        element(length: 1)
        bytes.append(value ? 1 : 0)
    }

    public mutating func append(_ value: Int16) {
        expect(type == .int16)
        element(length: 2)
        bytes.append(bigEndian: value)
    }

    public mutating func append(_ value: Int32) {
        expect(type == .int32)
        count += 1
        // Length and value in one append, here and below: half the time of two.
        bytes.append(words: (UInt32(4).bigEndian, UInt32(bitPattern: value).bigEndian))
    }

    public mutating func append(_ value: Int64) {
        expect(type == .int64)
        eightBytes(UInt64(bitPattern: value))
    }

    public mutating func append(_ value: Double) {
        expect(type == .double)
        eightBytes(value.bitPattern)
    }

    public mutating func append(_ value: Timestamp) {
        expect(type == .timestamp)
        eightBytes(UInt64(bitPattern: WireFormat.postgresTime(value)))
    }

    public mutating func append(_ value: Ulid) {
        expect(type == .ulid)
        count += 1
        bytes.append(
            words: (
                UInt32(16).bigEndian, UInt32(truncatingIfNeeded: value.high >> 32).bigEndian,
                UInt32(truncatingIfNeeded: value.high).bigEndian,
                UInt32(truncatingIfNeeded: value.low >> 32).bigEndian,
                UInt32(truncatingIfNeeded: value.low).bigEndian
            ))
    }

    /// A text. NUL characters cannot be stored: the server answers with `.data`.
    public mutating func append(_ value: String) {
        expect(type == .text || type == .json)
        var value = value
        value.withUTF8 { append(raw: UnsafeRawBufferPointer($0)) }
    }

    /// The bytes of a `bytea`, or UTF-8 of a text or JSON document.
    public mutating func append(_ value: UnsafeRawBufferPointer) {
        expect(type == .bytes || type == .text || type == .json)
        append(raw: value)
    }

    public mutating func append(_ value: [UInt8]) {
        value.withUnsafeBytes { append($0) }
    }

    public mutating func append(_ value: ArraySlice<UInt8>) {
        value.withUnsafeBytes { append($0) }
    }

    /// An element written by `body` at the end of the array it is given; it must only append.
    public mutating func append(writing body: (inout [UInt8]) -> Void) {
        expect(type == .bytes || type == .text || type == .json)
        let offset = bytes.count
        element(length: 0)
        body(&bytes)
        let length = bytes.count - offset - 4
        precondition(length >= 0 && length <= Int32.max, "an element is only appended to")
        bytes.write(bigEndian: Int32(length), at: offset)
    }

    private mutating func append(raw value: UnsafeRawBufferPointer) {
        precondition(value.count <= Int32.max, "an element has at most 2^31 - 1 bytes")
        element(length: Int32(value.count))
        bytes.append(contentsOf: value)
    }

    @inline(__always)
    private mutating func eightBytes(_ value: UInt64) {
        count += 1
        bytes.append(
            words: (
                UInt32(8).bigEndian, UInt32(truncatingIfNeeded: value >> 32).bigEndian,
                UInt32(truncatingIfNeeded: value).bigEndian
            ))
    }

    @inline(__always)
    private mutating func element(length: Int32) {
        bytes.append(bigEndian: length)
        count += 1
    }

    @inline(__always)
    private func expect(_ fits: Bool) {
        precondition(fits, "the element is not of the array's type")
    }
}
