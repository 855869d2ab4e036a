import Database
import EventModel
import Observability
import TestSupport
import Testing

@Suite(.database()) struct TypesTests {
    let pool = TestDatabase.current.pool(connections: 1)

    @Test func `numbers, truth and time come back as they were`() async throws {
        let statement = Statement("types.scalars", "select $1, $2, $3, $4, $5, $6")
        for (int64, int32, int16, double, bool, time) in [
            (Int64.max, Int32.max, Int16.max, Double.greatestFiniteMagnitude, true, Timestamp(microseconds: 1)),
            (Int64.min, Int32.min, Int16.min, -0.0, false, Timestamp(microseconds: -62_135_596_800_000_000)),
            (0, 0, 0, Double.infinity, true, Timestamp(microseconds: .max)),
            (0, 0, 0, 0.1, true, Timestamp(microseconds: .min)),
            (-1, -1, -1, 1e-300, true, Timestamp(microseconds: 1_780_000_000_123_456)),
        ] {
            let rows = try await pool.execute(
                statement,
                Parameters {
                    $0.add(int64)
                    $0.add(int32)
                    $0.add(int16)
                    $0.add(double)
                    $0.add(bool)
                    $0.add(time)
                })
            #expect(rows.count == 1 && rows.columnCount == 6)
            #expect(rows.int64(0, 0) == int64)
            #expect(rows.int32(0, 1) == int32)
            #expect(rows.int16(0, 2) == int16)
            #expect(rows.int64(0, 1) == Int64(int32))
            #expect(rows.double(0, 3) == double)
            #expect(rows.bool(0, 4) == bool)
            #expect(rows.timestamp(0, 5) == time)
        }
    }
}
