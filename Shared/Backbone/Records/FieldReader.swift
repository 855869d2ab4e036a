public import EventModel

/// Reads what `FieldWriter` wrote, field by field, in place.
///
///     var reader = try FieldReader(bytes)
///     while let field = try reader.next() {
///         switch field.number { case 1: id = try field.identifier() … default: reader.keep(field) }
///     }
public struct FieldReader {
    private let bytes: UnsafeRawBufferPointer
    private var at = 1
    /// Fields that `keep` was called with, as they stand in the record.
    public private(set) var unknown: [UInt8] = []

    /// - Parameter bytes: The record; lives for as long as the reader and its fields.
    /// - Throws: for no bytes at all, or a version that came later.
    public init(_ bytes: UnsafeRawBufferPointer) throws(RecordError) {
        guard let version = bytes.first else { throw RecordError(.truncated) }
        guard (1...FieldWriter.version).contains(version) else { throw RecordError(.unknownVersion) }
        self.bytes = bytes
    }

    /// One field: its number and where its bytes are.
    public struct Field {
        public let number: UInt8
        fileprivate let whole: UnsafeRawBufferPointer
        public let bytes: UnsafeRawBufferPointer

        public func int64() throws(RecordError) -> Int64 {
            if bytes.count == 8 { return Int64(littleEndian: bytes.loadUnaligned(as: Int64.self)) }
            // Also in records of version 1: a field that their writer did not know may come from one of version 2.
            guard (1..<8).contains(bytes.count) else { throw RecordError(.truncated, field: number) }
            return bytes.reversed().reduce(0) { $0 << 8 | Int64($1) }
        }

        /// A number of a range.
        public func int(_ range: ClosedRange<Int64>) throws(RecordError) -> Int {
            let value = try int64()
            guard range.contains(value) else { throw RecordError(.invalidField, field: number) }
            return Int(value)
        }

        public func timestamp() throws(RecordError) -> Timestamp { Timestamp(microseconds: try int64()) }

        public func identifier<Kind>() throws(RecordError) -> Identifier<Kind> {
            guard bytes.count == 16 else { throw RecordError(.truncated, field: number) }
            return Identifier(
                Ulid(
                    high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                    low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))))
        }

        public func text() throws(RecordError) -> String {
            guard let text = String(validating: bytes.assumingMemoryBound(to: UInt8.self), as: UTF8.self) else {
                throw RecordError(.invalidField, field: number)
            }
            return text
        }

        public func tenant() throws(RecordError) -> TenantID {
            guard let tenant = TenantID(try text()) else { throw RecordError(.invalidField, field: number) }
            return tenant
        }

        public func array() -> [UInt8] { Array(bytes) }
    }

    /// The next field; nil at the end.
    public mutating func next() throws(RecordError) -> Field? {
        guard at < bytes.count else { return nil }
        let start = at
        let number = bytes[at]
        at += 1
        var length: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard at < bytes.count, shift <= 28 else { throw RecordError(.truncated, field: number) }
            let byte = bytes[at]
            at += 1
            length |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { break }
            shift += 7
        }
        guard length <= UInt64(bytes.count - at) else { throw RecordError(.truncated, field: number) }
        let value = UnsafeRawBufferPointer(rebasing: bytes[at..<(at + Int(length))])
        at += Int(length)
        return Field(number: number, whole: UnsafeRawBufferPointer(rebasing: bytes[start..<at]), bytes: value)
    }

    /// Remembers a field that this program does not know, for a copy of the record.
    public mutating func keep(_ field: Field) {
        unknown.append(contentsOf: field.whole)
    }
}

/// The value of a field that every record has.
func required<Value>(_ value: Value?, field: UInt8) throws(RecordError) -> Value {
    guard let value else { throw RecordError(.missingField, field: field) }
    return value
}
