public import EventModel

/// Writes a record: a byte with the version of the format, then fields of (number, length, bytes).
///
/// The length is a LEB128 number, integers are little-endian (version 1: 8 bytes; version 2: without the zero bytes at their
/// end, and at least one), identifiers 16 bytes and big-endian. A reader
/// skips numbers that it does not know, so a field can be added without a new version; a new version says that an old
/// reader would misunderstand the record. A record that is copied (another attempt) takes unknown fields along.
public struct FieldWriter: ~Copyable {
    /// The newest version that readers of this program know. Writers write what `RecordFormat` says.
    public static let version: UInt8 = 2

    private var bytes: [UInt8]
    private let isCompact: Bool

    /// Appends to `bytes`, which `finish` gives back.
    public init(appendingTo bytes: consuming [UInt8]) {
        self.bytes = bytes
        let version = RecordFormat.written
        isCompact = version >= 2
        self.bytes.append(version)
    }

    public consuming func finish() -> [UInt8] { bytes }

    public mutating func add(_ field: UInt8, _ value: Int64) {
        let length = isCompact ? max(1, 8 - value.leadingZeroBitCount / 8) : 8
        add(field, length: length)
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0.prefix(length)) }
    }

    public mutating func add(_ field: UInt8, _ value: Int64?) {
        if let value { add(field, value) }
    }

    public mutating func add(_ field: UInt8, _ value: Timestamp) { add(field, value.microseconds) }

    public mutating func add<Kind>(_ field: UInt8, _ id: Identifier<Kind>) {
        add(field, length: 16)
        withUnsafeBytes(of: id.ulid.high.bigEndian) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: id.ulid.low.bigEndian) { bytes.append(contentsOf: $0) }
    }

    public mutating func add<Kind>(_ field: UInt8, _ id: Identifier<Kind>?) {
        if let id { add(field, id) }
    }

    public mutating func add(_ field: UInt8, _ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            add(field, length: utf8.count)
            bytes.append(contentsOf: utf8)
        }
    }

    public mutating func add(_ field: UInt8, _ text: String?) {
        if let text { add(field, text) }
    }

    public mutating func add(_ field: UInt8, _ value: [UInt8]) {
        add(field, length: value.count)
        bytes.append(contentsOf: value)
    }

    public mutating func add(_ field: UInt8, _ value: [UInt8]?) {
        if let value { add(field, value) }
    }

    /// Fields as they were read: those that this program does not know.
    public mutating func add(unknown fields: [UInt8]) {
        bytes.append(contentsOf: fields)
    }

    private mutating func add(_ field: UInt8, length: Int) {
        bytes.append(field)
        var rest = UInt(length)
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
