public import EventModel

/// The parameters of a statement, in order, in their wire form in one buffer.
///
/// ```swift
/// let rows = try await pool.execute(page, Parameters { $0.add(after); $0.add(limit) })
/// ```
///
/// Reuse a value with `removeAll()`, which keeps its memory, where a thread runs the same statement again and again.
public struct Parameters: Sendable {
    struct Slot: Sendable {
        var offset: Int
        /// −1 is NULL.
        var length: Int32
        var type: PostgresType
    }

    private(set) var bytes: [UInt8] = []
    private(set) var slots: [Slot] = []

    public init(reservingBytes capacity: Int = 0) {
        if capacity > 0 { bytes.reserveCapacity(capacity) }
    }

    /// Parameters added by `build`.
    public init(_ build: (inout Parameters) -> Void) {
        build(&self)
    }

    public static let none = Parameters()

    /// How many there are; PostgreSQL takes up to 65 535.
    public var count: Int { slots.count }
    /// The bytes of all values.
    public var byteCount: Int { bytes.count }

    /// Makes it empty and keeps its memory.
    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        slots.removeAll(keepingCapacity: true)
    }

    // MARK: Single values; nil is NULL

    public mutating func add(_ value: Bool?) {
        add(value, .bool) { $1.append($0 ? 1 : 0) }
    }

    public mutating func add(_ value: Int16?) {
        add(value, .int2) { $1.append(bigEndian: $0) }
    }

    public mutating func add(_ value: Int32?) {
        add(value, .int4) { $1.append(bigEndian: $0) }
    }

    public mutating func add(_ value: Int64?) {
        add(value, .int8) { $1.append(bigEndian: $0) }
    }

    /// A `bigint`.
    public mutating func add(_ value: Int?) {
        add(value.map(Int64.init))
    }

    public mutating func add(_ value: Double?) {
        add(value, .float8) { $1.append(bigEndian: $0.bitPattern) }
    }

    public mutating func add(_ value: Timestamp?) {
        add(value, .timestamptz) { $1.append(bigEndian: WireFormat.postgresTime($0)) }
    }

    /// A text. NUL characters cannot be stored: the server answers with `.data`.
    public mutating func add(_ value: String?) {
        add(value, .text) { $1.append(contentsOf: $0.utf8) }
    }

    /// A `uuid` of the same 16 bytes.
    public mutating func add(ulid value: Ulid?) {
        add(value, .uuid) { $1.append(ulid: $0) }
    }

    public mutating func add(bytes value: [UInt8]?) {
        add(value, .bytea) { $1.append(contentsOf: $0) }
    }

    public mutating func add(bytes value: UnsafeRawBufferPointer) {
        add(value, .bytea) { $1.append(contentsOf: $0) }
    }

    /// A text that is UTF-8 already.
    public mutating func add(utf8 value: [UInt8]?) {
        add(value, .text) { $1.append(contentsOf: $0) }
    }

    public mutating func add(utf8 value: UnsafeRawBufferPointer) {
        add(value, .text) { $1.append(contentsOf: $0) }
    }

    /// A JSON document; it may be assigned to `json` and `jsonb` columns.
    public mutating func add(json value: [UInt8]?) {
        add(value, .json) { $1.append(contentsOf: $0) }
    }

    /// A `bytea` written by `body` at the end of the array it is given; it must only append.
    public mutating func add(writing body: (inout [UInt8]) -> Void) {
        add((), .bytea) { body(&$1) }
    }

    // MARK: Arrays

    /// An array made elsewhere.
    public mutating func add(_ array: ArrayBuilder) {
        let offset = bytes.count
        bytes.append(contentsOf: array.finish())
        close(array.type.array, from: offset)
    }

    /// NULL where an array of these elements may stand.
    public mutating func addNull(arrayOf type: ElementType) {
        slots.append(Slot(offset: 0, length: -1, type: type.array))
    }

    /// An array written in place: the hot way, nothing is copied twice.
    public mutating func addArray(
        of type: ElementType, reservingBytes capacity: Int = 0, _ build: (inout ArrayBuilder) -> Void
    ) {
        let offset = bytes.count
        var arena: [UInt8] = []
        swap(&arena, &bytes)
        var array = ArrayBuilder(type, continuing: arena, reservingBytes: capacity)
        arena = []
        build(&array)
        bytes = array.finish()
        close(type.array, from: offset)
    }

    // MARK: -

    private mutating func add<Value>(
        _ value: Value?, _ type: PostgresType, _ write: (Value, inout [UInt8]) -> Void
    ) {
        guard let value else {
            slots.append(Slot(offset: 0, length: -1, type: type))
            return
        }
        let offset = bytes.count
        write(value, &bytes)
        close(type, from: offset)
    }

    private mutating func close(_ type: PostgresType, from offset: Int) {
        let length = bytes.count - offset
        precondition(length >= 0 && length <= Int32.max, "a parameter has at most 2^31 - 1 bytes")
        slots.append(Slot(offset: offset, length: Int32(length), type: type))
    }
}
