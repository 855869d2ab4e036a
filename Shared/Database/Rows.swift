internal import CLibPQ
public import EventModel

/// The finished answer of a statement, in binary form. Rows and columns count from 0; columns are in the order of the
/// SELECT.
///
/// An accessor whose type is not the column's, or that meets a NULL without being optional, stops the program: the
/// statement and its reader are one piece of code. Cast in SQL what has no accessor (`sum(x)::bigint`).
public final class Rows: @unchecked Sendable {
    // @unchecked: libpq allows any number of threads to read a PGresult that nobody modifies; nothing here does, and
    // only deinit frees it.
    private let result: OpaquePointer
    public let count: Int
    public let columnCount: Int

    /// Takes over `result`.
    init(taking result: OpaquePointer) {
        self.result = result
        count = Int(PQntuples(result))
        columnCount = Int(PQnfields(result))
    }

    deinit { PQclear(result) }

    public var isEmpty: Bool { count == 0 }

    /// How many rows an INSERT, UPDATE or DELETE wrote, or a SELECT gave; 0 for other statements.
    public var affected: Int {
        guard let text = PQcmdTuples(result) else { return 0 }
        return Int(String(cString: text)) ?? 0
    }

    public func columnName(_ column: Int) -> String {
        guard let name = PQfname(result, Int32(column)) else { preconditionFailure("there is no column \(column)") }
        return String(cString: name)
    }

    public func isNull(_ row: Int, _ column: Int) -> Bool {
        check(row, column)
        return PQgetisnull(result, Int32(row), Int32(column)) == 1
    }

    /// Calls `body` with the value's bytes: a `bytea`'s, or the UTF-8 of a text or JSON document. They are gone with
    /// the `Rows`.
    public func withBytes<Value, Failure: Error>(
        _ row: Int, _ column: Int, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        guard let bytes = documentBytes(row, column) else { null(row, column) }
        defer { withExtendedLifetime(self) {} }
        return try body(bytes)
    }

    // MARK: Values

    public func bool(_ row: Int, _ column: Int) -> Bool { require(optionalBool(row, column), row, column) }
    public func int16(_ row: Int, _ column: Int) -> Int16 { require(optionalInt16(row, column), row, column) }
    public func int32(_ row: Int, _ column: Int) -> Int32 { require(optionalInt32(row, column), row, column) }
    /// A `bigint`, or a smaller integer.
    public func int64(_ row: Int, _ column: Int) -> Int64 { require(optionalInt64(row, column), row, column) }
    public func int(_ row: Int, _ column: Int) -> Int { Int(int64(row, column)) }
    public func double(_ row: Int, _ column: Int) -> Double { require(optionalDouble(row, column), row, column) }
    public func text(_ row: Int, _ column: Int) -> String { require(optionalText(row, column), row, column) }
    public func bytes(_ row: Int, _ column: Int) -> [UInt8] { require(optionalBytes(row, column), row, column) }
    public func timestamp(_ row: Int, _ column: Int) -> Timestamp {
        require(optionalTimestamp(row, column), row, column)
    }
    public func ulid(_ row: Int, _ column: Int) -> Ulid { require(optionalUlid(row, column), row, column) }

    public func optionalBool(_ row: Int, _ column: Int) -> Bool? {
        fixed(row, column, length: 1).map { $0[0] != 0 }
    }

    public func optionalInt16(_ row: Int, _ column: Int) -> Int16? {
        fixed(row, column, length: 2).map { $0.bigEndian() }
    }

    /// An `integer` or a `smallint`.
    public func optionalInt32(_ row: Int, _ column: Int) -> Int32? {
        guard let bytes = raw(row, column) else { return nil }
        switch bytes.count {
        case 4: return bytes.bigEndian()
        case 2: return Int32(bytes.bigEndian(Int16.self))
        default: mismatch(row, column)
        }
    }

    public func optionalInt64(_ row: Int, _ column: Int) -> Int64? {
        guard let bytes = raw(row, column) else { return nil }
        switch bytes.count {
        case 8: return bytes.bigEndian()
        case 4: return Int64(bytes.bigEndian(Int32.self))
        case 2: return Int64(bytes.bigEndian(Int16.self))
        default: mismatch(row, column)
        }
    }

    /// A `double precision` or a `real`.
    public func optionalDouble(_ row: Int, _ column: Int) -> Double? {
        guard let bytes = raw(row, column) else { return nil }
        switch bytes.count {
        case 8: return Double(bitPattern: bytes.bigEndian())
        case 4: return Double(Float(bitPattern: bytes.bigEndian()))
        default: mismatch(row, column)
        }
    }

    /// A text, `json`, `jsonb`, name or enumeration.
    public func optionalText(_ row: Int, _ column: Int) -> String? {
        documentBytes(row, column).map { String(decoding: $0, as: UTF8.self) }
    }

    public func optionalBytes(_ row: Int, _ column: Int) -> [UInt8]? {
        documentBytes(row, column).map { [UInt8]($0) }
    }

    /// A `timestamptz`; `infinity` and `-infinity` are the outermost values.
    public func optionalTimestamp(_ row: Int, _ column: Int) -> Timestamp? {
        fixed(row, column, length: 8).map { WireFormat.timestamp($0.bigEndian()) }
    }

    /// A `uuid`'s 16 bytes.
    public func optionalUlid(_ row: Int, _ column: Int) -> Ulid? {
        fixed(row, column, length: 16).map { Ulid(high: $0.bigEndian(), low: $0.bigEndian(at: 8)) }
    }

    // MARK: -

    /// The value as sent, nil for NULL.
    func raw(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer? {
        check(row, column)
        guard PQgetisnull(result, Int32(row), Int32(column)) == 0 else { return nil }
        return UnsafeRawBufferPointer(
            start: PQgetvalue(result, Int32(row), Int32(column)),
            count: Int(PQgetlength(result, Int32(row), Int32(column))))
    }

    /// Without the version byte that `jsonb` carries on the wire.
    private func documentBytes(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer? {
        guard let bytes = raw(row, column) else { return nil }
        guard PQftype(result, Int32(column)) == PostgresType.jsonb.rawValue, bytes.first == 1 else { return bytes }
        return UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
    }

    private func fixed(_ row: Int, _ column: Int, length: Int) -> UnsafeRawBufferPointer? {
        guard let bytes = raw(row, column) else { return nil }
        guard bytes.count == length else { mismatch(row, column) }
        return bytes
    }

    private func check(_ row: Int, _ column: Int) {
        precondition(row >= 0 && row < count, "there is no row \(row) of \(count)")
        precondition(column >= 0 && column < columnCount, "there is no column \(column) of \(columnCount)")
    }

    private func require<Value>(_ value: Value?, _ row: Int, _ column: Int) -> Value {
        guard let value else { null(row, column) }
        return value
    }

    private func null(_ row: Int, _ column: Int) -> Never {
        preconditionFailure("row \(row), column \(columnName(column)) is NULL")
    }

    func mismatch(_ row: Int, _ column: Int) -> Never {
        let type = PQftype(result, Int32(column))
        preconditionFailure("row \(row), column \(columnName(column)) (type \(type)) is read as another type")
    }
}
