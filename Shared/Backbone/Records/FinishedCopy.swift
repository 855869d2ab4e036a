/// Says on a delay topic that the attempt of a relocated record has ended: the copy is to be dropped when it comes.
/// Written when a lane is handed over, since the owner's memory is not.
public struct FinishedCopy: Sendable, Equatable {
    /// `LaneRecordBody.relocation` of the copy.
    public var relocation: Int64

    public init(relocation: Int64) {
        self.relocation = relocation
    }

    /// A number that no lane record has: it tells the two apart.
    private static let field: UInt8 = 80

    public func write(to bytes: inout [UInt8]) {
        var writer = FieldWriter(appendingTo: take(&bytes))
        writer.add(Self.field, relocation)
        bytes = writer.finish()
    }

    /// Whether the bytes are such a record and no delivery.
    public static func matches(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count > 1 && bytes[1] == field
    }

    /// - Throws: `RecordError`.
    public init(_ bytes: UnsafeRawBufferPointer) throws(RecordError) {
        var reader = try FieldReader(bytes)
        var relocation: Int64?
        while let field = try reader.next() {
            if field.number == Self.field { relocation = try field.int64() }
        }
        self.init(relocation: try required(relocation, field: Self.field))
    }
}
