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

    @Test func `texts, bytes and documents come back as they were`() async throws {
        let statement = Statement("types.documents", "select $1, $2, $3::json, $3::jsonb, $4, octet_length($2)")
        let everyByte = (0...255).map { UInt8($0) }
        for (text, bytes) in [
            ("", []), ("plain", [0]), ("ünï 漢字 🏳️‍🌈 \u{10FFFF}\n\"'\\", everyByte),
            (String(repeating: "x", count: 1 << 20), [UInt8](repeating: 0, count: 1 << 20)),
        ] {
            let ulid = Ulid(high: 0x0102_0304_0506_0708, low: .max)
            let rows = try await pool.execute(
                statement,
                Parameters {
                    $0.add(text)
                    $0.add(bytes: bytes)
                    $0.add(json: Array(#"{"a": "é"}"#.utf8))
                    $0.add(ulid: ulid)
                })
            #expect(rows.text(0, 0) == text)
            #expect(rows.bytes(0, 1) == bytes)
            #expect(rows.withBytes(0, 1) { Array($0) } == bytes)
            #expect(rows.text(0, 2) == #"{"a": "é"}"#)
            #expect(rows.text(0, 3) == #"{"a": "é"}"#, "the version byte of jsonb is not part of the document")
            #expect(rows.ulid(0, 4) == ulid)
            #expect(rows.int(0, 5) == bytes.count)
        }
    }

    @Test func `nil is NULL in every type`() async throws {
        let rows = try await pool.execute(
            Statement("types.nulls", "select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10"),
            Parameters {
                $0.add(nil as Int64?)
                $0.add(nil as Int32?)
                $0.add(nil as Int16?)
                $0.add(nil as Double?)
                $0.add(nil as Bool?)
                $0.add(nil as String?)
                $0.add(bytes: nil)
                $0.add(nil as Timestamp?)
                $0.add(ulid: nil)
                $0.add(json: nil)
            })
        #expect((0..<10).allSatisfy { rows.isNull(0, $0) })
        #expect(rows.optionalInt64(0, 0) == nil && rows.optionalInt32(0, 1) == nil && rows.optionalInt16(0, 2) == nil)
        #expect(rows.optionalDouble(0, 3) == nil && rows.optionalBool(0, 4) == nil && rows.optionalText(0, 5) == nil)
        #expect(
            rows.optionalBytes(0, 6) == nil && rows.optionalTimestamp(0, 7) == nil && rows.optionalUlid(0, 8) == nil)
    }

    @Test func `arrays come back as they were, empty ones and NULLs too`() async throws {
        let statement = Statement(
            "types.arrays", "select $1, $2, $3, $4, $5, $6, $7, $8, cardinality($1), array_ndims($1)")
        for count in [0, 1, 3, 5000] {
            let int64s = (0..<count).map { Int64($0) - 2 }
            let int32s = (0..<count).map { Int32($0) - 2 }
            let texts = (0..<count).map { "t\u{0301}\($0)" }
            let optionalTexts = (0..<count).map { $0 % 2 == 0 ? "\($0)" : nil }
            let byteas = (0..<count).map { [UInt8](repeating: 0, count: $0 % 7) }
            let optionalByteas = (0..<count).map { $0 % 3 == 0 ? nil : [UInt8($0 & 255), 0] }
            let bools = (0..<count).map { $0 % 2 == 0 }
            let times = (0..<count).map { Timestamp(seconds: Int64($0) * 86_400) }
            let rows = try await pool.execute(
                statement,
                Parameters {
                    $0.add(int64s: int64s)
                    $0.add(int32s: int32s)
                    $0.add(texts: texts)
                    $0.add(optionalTexts: optionalTexts)
                    $0.add(byteas: byteas)
                    $0.add(optionalByteas: optionalByteas)
                    $0.add(bools: bools)
                    $0.add(timestamps: times)
                })
            #expect(rows.int64Array(0, 0) == int64s)
            #expect(rows.int32Array(0, 1) == int32s)
            #expect(rows.textArray(0, 2) == texts)
            #expect(rows.optionalTextArray(0, 3) == optionalTexts)
            #expect(rows.bytesArray(0, 4) == byteas)
            #expect(rows.optionalBytesArray(0, 5) == optionalByteas)
            #expect(rows.boolArray(0, 6) == bools)
            #expect(rows.timestampArray(0, 7) == times)
            #expect(rows.int(0, 8) == count)
            #expect(rows.optionalInt32(0, 9) == (count == 0 ? nil : 1))
        }
    }

    @Test func `rows are written by unnesting arrays that were built in place`() async throws {
        try await pool.script("create table batch (id bigint, ulid uuid, body bytea, note text, at timestamptz)")
        let insert = Statement(
            "types.unnest", "insert into batch select * from unnest($1, $2, $3, $4, $5) returning id")
        var bodies = ArrayBuilder(.bytes)
        var parameters = Parameters(reservingBytes: 4096)
        for round in 0..<3 {
            parameters.removeAll()
            bodies.removeAll()
            parameters.addArray(of: .int64) { for id in 0..<100 { $0.append(Int64(round * 100 + id)) } }
            parameters.add(ulids: (0..<100).map { Ulid(high: UInt64(round), low: $0) })
            for id in 0..<100 { bodies.append { $0.append(contentsOf: [0, UInt8(id)]) } }
            parameters.add(bodies)
            parameters.addArray(of: .text) { array in
                for id in 0..<100 {
                    if id == 7 { array.appendNull() } else { array.append(Array("n\(id)".utf8)[...]) }
                }
            }
            parameters.add(optionalTimestamps: (0..<100).map { $0 == 8 ? nil : Timestamp(seconds: $0) })
            let rows = try await pool.execute(insert, parameters)
            #expect(rows.count == 100 && rows.affected == 100)
        }
        let rows = try await pool.execute(
            Statement("types.unnested", "select id, ulid, body, note, at from batch order by id"))
        #expect(rows.count == 300)
        for row in 0..<300 {
            #expect(rows.int(row, 0) == row)
            #expect(rows.ulid(row, 1) == Ulid(high: UInt64(row / 100), low: UInt64(row % 100)))
            #expect(rows.bytes(row, 2) == [0, UInt8(row % 100)])
            #expect(rows.optionalText(row, 3) == (row % 100 == 7 ? nil : "n\(row % 100)"))
            #expect(rows.optionalTimestamp(row, 4) == (row % 100 == 8 ? nil : Timestamp(seconds: Int64(row % 100))))
        }
    }

    @Test func `elements are read without making an array`() async throws {
        let rows = try await pool.execute(
            Statement("types.elements", "select array['a', null, '']::text[], null::text[]"))
        var found: [Int?] = []
        rows.forEachElement(0, 0) { found.append($0?.count) }
        #expect(found == [1, nil, 0])
        rows.forEachElement(0, 1) { _ in Issue.record("NULL has no elements") }
    }

    @Test func `rows know their columns, and statements without rows how many they wrote`() async throws {
        try await pool.script("create table counted (x int)")
        let rows = try await pool.execute(
            Statement("types.count", "insert into counted select generate_series(1, 42)"))
        #expect(rows.isEmpty && rows.columnCount == 0 && rows.affected == 42)
        #expect(
            try await pool.execute(Statement("types.names", "select 1 as one, 2 as \"Two\"")).columnName(1) == "Two")
    }
}
