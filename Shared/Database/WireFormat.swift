internal import EventModel

/// PostgreSQL's binary formats: big-endian numbers, times since 2000 (`src/backend/utils/adt/*.c`, the recv functions).
enum WireFormat {
    /// 2000-01-01 in microseconds since 1970.
    static let epoch: Int64 = 946_684_800_000_000

    /// `infinity` and `-infinity` on the wire; they are the outermost timestamps here too.
    static func postgresTime(_ time: Timestamp) -> Int64 {
        switch time.microseconds {
        case .max: .max
        case ..<(Int64.min + epoch): .min
        default: time.microseconds - epoch
        }
    }

    static func timestamp(_ postgres: Int64) -> Timestamp {
        switch postgres {
        case .min: Timestamp(microseconds: .min)
        case (Int64.max - epoch)...: Timestamp(microseconds: .max)
        default: Timestamp(microseconds: postgres + epoch)
        }
    }
}

extension [UInt8] {
    /// Appends `value` in network order.
    @inline(__always)
    mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    /// Appends a tuple of 32-bit words as they are: such a tuple has no padding.
    @inline(__always)
    mutating func append<Words: BitwiseCopyable>(words: Words) {
        Swift.withUnsafeBytes(of: words) { append(contentsOf: $0) }
    }

    /// Overwrites the four bytes at `offset`.
    mutating func write(bigEndian value: Int32, at offset: Int) {
        withUnsafeMutableBytes { $0.storeBytes(of: value.bigEndian, toByteOffset: offset, as: Int32.self) }
    }

    @inline(__always)
    mutating func append(ulid: Ulid) {
        append(bigEndian: ulid.high)
        append(bigEndian: ulid.low)
    }
}

extension UnsafeRawBufferPointer {
    /// The number at `offset`, in network order.
    @inline(__always)
    func bigEndian<Number: FixedWidthInteger>(_ type: Number.Type = Number.self, at offset: Int = 0) -> Number {
        Number(bigEndian: loadUnaligned(fromByteOffset: offset, as: type))
    }
}
