import Backbone
import EventModel
import TestSupport
import Testing

/// Whatever lies in a log is a record or an error, never a crash.
@Suite struct RecordDamageTests {
    private static let records: [[UInt8]] = [
        RecordFixtures.bytes { EventRecord.write(RecordFixtures.newEvent, to: &$0) },
        RecordFixtures.bytes { RecordFixtures.lane.write(to: &$0) },
        RecordFixtures.bytes { RecordFixtures.audit.write(to: &$0) },
        RecordFixtures.bytes { RecordFixtures.parked.write(to: &$0) },
        RecordFixtures.bytes { FinishedCopy(relocation: 5).write(to: &$0) },
    ]

    /// How many of the five kinds could read it.
    @discardableResult
    private static func readers(of bytes: [UInt8]) -> Int {
        var count = 0
        bytes.withUnsafeBytes { bytes in
            func attempt(_ read: (UnsafeRawBufferPointer) throws(RecordError) -> Void) {
                do throws(RecordError) {
                    try read(bytes)
                    count += 1
                } catch {
                    #expect(!error.description.isEmpty)
                }
            }
            attempt { bytes throws(RecordError) in _ = try EventRecord.read(bytes) }
            attempt { bytes throws(RecordError) in _ = try LaneRecordBody(bytes) }
            attempt { bytes throws(RecordError) in _ = try AuditEntry(bytes) }
            attempt { bytes throws(RecordError) in _ = try ParkedRecord(bytes) }
            attempt { bytes throws(RecordError) in _ = try FinishedCopy(bytes) }
        }
        return count
    }

    @Test func `every cut is an error`() {
        for record in Self.records {
            #expect(Self.readers(of: record) == 1)
            for length in 0..<record.count {
                // A cut between two fields may leave out one that need not be there.
                let count = Self.readers(of: Array(record[..<length]))
                #expect(count <= 1)
            }
            #expect(Self.readers(of: Array(record.dropLast())) == 0)
        }
    }

    @Test func `changed bytes are read or refused`() {
        var generator = SeededGenerator(seed: 20_261_121)
        for _ in 0..<20_000 {
            var record = Self.records[Int.random(in: 0..<Self.records.count, using: &generator)]
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                record[Int.random(in: 0..<record.count, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            Self.readers(of: record)
        }
    }

    @Test func `noise is refused`() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<5_000 {
            let count = Int.random(in: 0..<200, using: &generator)
            var noise = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            if count > 0 { noise[0] = 1 }
            Self.readers(of: noise)
        }
    }

    @Test func `the error says what is wrong`() {
        func error(_ bytes: [UInt8]) -> RecordError? {
            bytes.withUnsafeBytes { bytes in
                do throws(RecordError) {
                    _ = try EventRecord.read(bytes)
                    return nil
                } catch {
                    return error
                }
            }
        }
        #expect(error([]) == RecordError(.truncated))
        #expect(error([3]) == RecordError(.unknownVersion))
        #expect(error([0]) == RecordError(.unknownVersion))
        #expect(error([1]) == RecordError(.missingField, field: 1))
        #expect(error([1, 1, 3, 0, 0, 0]) == RecordError(.truncated, field: 1))
        #expect(error([1, 2, 1, UInt8(ascii: " ")]) == RecordError(.invalidField, field: 2))
        #expect(error([1, 3, 1, 0xFF]) == RecordError(.invalidField, field: 3))
        // A length that would reach around the address space.
        #expect(error([1, 9, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]) == RecordError(.truncated, field: 9))
    }
}
