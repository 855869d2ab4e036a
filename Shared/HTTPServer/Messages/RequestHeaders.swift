/// The header fields of a request, in order of arrival, repeats kept.
///
/// Names are kept in lower case (they are case-insensitive, RFC 9110 §5.1) and found in any case. All fields share
/// one buffer, so a request with twenty headers costs two allocations, and text is made only of what is asked for.
///
/// ```swift
/// let key = request.head.headers["Idempotency-Key"]
/// ```
public struct RequestHeaders: Sendable {
    struct Field: Sendable {
        let start: UInt32
        let nameLength: UInt32
        let valueLength: UInt32

        var name: Range<Int> { Int(start)..<Int(start + nameLength) }
        var value: Range<Int> { Int(start + nameLength)..<Int(start + nameLength + valueLength) }
    }

    private let bytes: [UInt8]
    private let fields: [Field]

    init(bytes: [UInt8], fields: [Field]) {
        self.bytes = bytes
        self.fields = fields
    }

    /// Headers made by hand, for tests of handlers.
    public init(_ pairs: [(String, String)] = []) {
        var assembler = HeaderAssembler()
        for (name, value) in pairs { assembler.add(name: Array(name.utf8), value: Array(value.utf8)) }
        self = assembler.headers
    }

    /// The number of fields, at most the server's limit.
    public var count: Int { fields.count }

    /// The first field of that name as text; bytes that are not UTF-8 become U+FFFD.
    public subscript(name: String) -> String? {
        bytes(name).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Every field of that name, in order.
    public func values(_ name: String) -> [String] {
        fields.filter { matches($0, name) }.map { String(decoding: bytes[$0.value], as: UTF8.self) }
    }

    /// The first field of that name as it arrived, without the blanks around it.
    public func bytes(_ name: String) -> ArraySlice<UInt8>? {
        for field in fields where matches(field, name) { return bytes[field.value] }
        return nil
    }

    public func contains(_ name: String) -> Bool { fields.contains { matches($0, name) } }

    /// All fields, names in lower case.
    public var all: [(name: String, value: String)] {
        fields.map {
            (String(decoding: bytes[$0.name], as: UTF8.self), String(decoding: bytes[$0.value], as: UTF8.self))
        }
    }

    /// All fields as they arrived, names in lower case: for what looks at every one of every request.
    public var slices: [(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>)] {
        fields.map { (bytes[$0.name], bytes[$0.value]) }
    }

    /// How many fields have that name.
    public func count(of name: String) -> Int { fields.count { matches($0, name) } }

    private func matches(_ field: Field, _ name: String) -> Bool {
        let name = name.utf8
        guard name.count == Int(field.nameLength) else { return false }
        var index = Int(field.start)
        for byte in name {
            guard bytes[index] == ASCII.lowercased(byte) else { return false }
            index += 1
        }
        return true
    }
}
