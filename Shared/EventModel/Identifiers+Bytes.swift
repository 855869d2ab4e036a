extension Ulid {
    /// Reads exactly 26 characters, as `init(_:)` does, from bytes in place: for the rows and records of hot paths.
    public init?(utf8 bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Ulid.textLength else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        var invalid: UInt8 = 0
        let digits = Ulid.digits
        for byte in bytes {
            let digit = digits.values[Int(byte)]
            invalid |= digit
            high = high << 5 | low >> 59
            low = low << 5 | UInt64(digit)
        }
        // 26 characters have room for 130 bits.
        guard invalid & 0x80 == 0, digits.values[Int(bytes[0])] <= 7 else { return nil }
        self.init(high: high, low: low)
    }

    /// The value of each character; 0x80 for those that mean nothing.
    private struct Digits: Sendable {
        let values: [UInt8]

        init() {
            var values = [UInt8](repeating: 0x80, count: 256)
            for (value, character) in "0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8.enumerated() {
                values[Int(character)] = UInt8(value)
            }
            self.values = values
        }
    }

    private static let digits = Digits()
}

extension Identifier {
    /// Reads the text that `description` writes from bytes in place; nil for anything else.
    public init?(utf8 bytes: UnsafeRawBufferPointer) {
        let prefix = Kind.prefix
        let count = prefix.utf8CodeUnitCount
        guard bytes.count == count + Ulid.textLength else { return nil }
        let hasPrefix = prefix.withUTF8Buffer { expected in
            expected.indices.allSatisfy { expected[$0] == bytes[$0] }
        }
        guard hasPrefix, let ulid = Ulid(utf8: UnsafeRawBufferPointer(rebasing: bytes[count...])) else { return nil }
        self.init(ulid)
    }
}
