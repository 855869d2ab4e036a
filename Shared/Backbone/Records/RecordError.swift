/// Why bytes of a log are no record that this program can read.
public struct RecordError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        /// The bytes end inside a field, or a field has another size than its kind.
        case truncated
        /// Written in a format that came after this program.
        case unknownVersion
        /// A field without which the record means nothing is not there.
        case missingField
        /// A field's value is outside of its range.
        case invalidField
    }

    public let code: Code
    /// The field's number, 0 where it is about the whole record. No payload is ever in here.
    public let field: UInt8

    public init(_ code: Code, field: UInt8 = 0) {
        self.code = code
        self.field = field
    }

    public var description: String { field == 0 ? "\(code)" : "\(code) \(field)" }
}
