import Testing

@testable import Backbone

/// Version 2 of the format: integers without the zero bytes at their end.
struct CompactRecordTests {
    private func int(_ bytes: [UInt8]) throws -> Int64? {
        try bytes.withUnsafeBytes { raw in
            var reader = try FieldReader(raw)
            return try reader.next()?.int64()
        }
    }

    private static let readable: [(bytes: [UInt8], value: Int64)] = [
        ([2, 5, 1, 0], 0), ([2, 5, 1, 0xFF], 255), ([2, 5, 2, 0, 1], 256), ([2, 5, 7, 0, 0, 0, 0, 0, 0, 1], 1 << 48),
        ([2, 5, 8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], -1),
        // A field that a writer of version 1 copied from a record of version 2 without knowing it.
        ([1, 5, 1, 7], 7),
    ]

    @Test func `integers of one to eight bytes are read`() throws {
        for (bytes, value) in Self.readable { #expect(try int(bytes) == value) }
    }

    @Test func `other lengths are damage`() {
        let damaged: [[UInt8]] = [[2, 5, 0], [2, 5, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0]]
        for bytes in damaged { #expect(throws: RecordError(.truncated, field: 5)) { try int(bytes) } }
    }

    @Test func `a version that came later is refused`() {
        #expect(throws: RecordError(.unknownVersion)) { try int([3, 5, 1, 0]) }
    }

    @Test func `version 1 is written until a setting says otherwise`() {
        var writer = FieldWriter(appendingTo: [])
        writer.add(5, Int64(1))
        #expect(writer.finish() == [1, 5, 8, 1, 0, 0, 0, 0, 0, 0, 0])
    }
}
