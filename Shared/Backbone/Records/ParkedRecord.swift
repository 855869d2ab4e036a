/// A record that nobody could read, on its way to the table of parked records. It travels on the topic `audit`, so that
/// a lane can let it go while Postgres is away.
public struct ParkedRecord: Sendable, Equatable {
    public var topic: String
    public var part: Int
    public var offset: Int64
    /// For people; free of payload.
    public var reason: String
    public var record: [UInt8]

    public init(topic: String, part: Int, offset: Int64, reason: String, record: [UInt8]) {
        self.topic = topic
        self.part = part
        self.offset = offset
        self.reason = reason
        self.record = record
    }

    /// Numbers that no audit entry has: the first field tells the two apart.
    private enum Field {
        static let topic: UInt8 = 64
        static let part: UInt8 = 65
        static let offset: UInt8 = 66
        static let reason: UInt8 = 67
        static let record: UInt8 = 68
    }

    public func write(to bytes: inout [UInt8]) {
        var writer = FieldWriter(appendingTo: take(&bytes))
        writer.add(Field.topic, topic)
        writer.add(Field.part, Int64(part))
        writer.add(Field.offset, offset)
        writer.add(Field.reason, reason)
        writer.add(Field.record, record)
        bytes = writer.finish()
    }

    /// Whether the bytes are a parked record and no audit entry.
    public static func matches(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count > 1 && bytes[1] == Field.topic
    }

    /// - Throws: `RecordError`.
    public init(_ bytes: UnsafeRawBufferPointer) throws(RecordError) {
        var reader = try FieldReader(bytes)
        var topic: String?
        var part: Int?
        var offset: Int64?
        var reason = ""
        var record: [UInt8]?
        while let field = try reader.next() {
            switch field.number {
            case Field.topic: topic = try field.text()
            case Field.part: part = try field.int(0...Int64(Int32.max))
            case Field.offset: offset = try field.int64()
            case Field.reason: reason = try field.text()
            case Field.record: record = field.array()
            default: break
            }
        }
        self.init(
            topic: try required(topic, field: Field.topic), part: try required(part, field: Field.part),
            offset: try required(offset, field: Field.offset), reason: reason,
            record: try required(record, field: Field.record))
    }
}
