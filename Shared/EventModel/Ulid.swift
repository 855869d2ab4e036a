/// A 128-bit identifier: 48 bits of milliseconds since 1970 and 80 further bits, written as 26 characters of Crockford's
/// base32 (the ULID layout, https://github.com/ulid/spec). Text order is value order is time order.
public struct Ulid: Hashable, Sendable, Comparable {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// - Parameters:
    ///   - milliseconds: Since 1970; the low 48 bits count.
    ///   - randomHigh: The 16 bits behind the time.
    ///   - randomLow: The last 64 bits.
    public init(milliseconds: UInt64, randomHigh: UInt16, randomLow: UInt64) {
        self.high = milliseconds << 16 | UInt64(randomHigh)
        self.low = randomLow
    }

    /// Milliseconds since 1970 that the identifier carries.
    public var milliseconds: UInt64 { high >> 16 }

    public static func < (left: Ulid, right: Ulid) -> Bool {
        left.high != right.high ? left.high < right.high : left.low < right.low
    }

    /// How many characters the text has.
    public static let textLength = 26

    private static let alphabet: StaticString = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

    /// Appends the 26 characters.
    public func write(to bytes: inout [UInt8]) {
        let alphabet = Self.alphabet.utf8Start
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.textLength) { text in
            // Five bits a character, from the end: 60 of the low half, five of both, 63 of the high half.
            var rest = low
            for index in stride(from: 25, through: 14, by: -1) {
                text.initializeElement(at: index, to: alphabet[Int(rest & 31)])
                rest >>= 5
            }
            text.initializeElement(at: 13, to: alphabet[Int(rest | (high & 1) << 4)])
            rest = high >> 1
            for index in stride(from: 12, through: 0, by: -1) {
                text.initializeElement(at: index, to: alphabet[Int(rest & 31)])
                rest >>= 5
            }
            bytes.append(contentsOf: text)
        }
    }

    /// Reads exactly 26 characters as they are written here: upper case, without the letters I, L, O, U.
    public init?(_ text: some Sequence<UInt8>) {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var count = 0
        for byte in text {
            guard let value = Self.value(of: byte), count < Self.textLength else { return nil }
            if count == 0, value > 7 { return nil }
            high = high << 5 | low >> 59
            low = low << 5 | value
            count += 1
        }
        guard count == Self.textLength else { return nil }
        self.high = high
        self.low = low
    }

    private static func value(of byte: UInt8) -> UInt64? {
        switch byte {
        case 0x30...0x39: UInt64(byte - 0x30)
        case 0x41...0x48: UInt64(byte - 0x41 + 10)
        case 0x4A, 0x4B: UInt64(byte - 0x4A + 18)
        case 0x4D, 0x4E: UInt64(byte - 0x4D + 20)
        case 0x50...0x54: UInt64(byte - 0x50 + 22)
        case 0x56...0x5A: UInt64(byte - 0x56 + 27)
        default: nil
        }
    }
}

extension Ulid: CustomStringConvertible {
    public var description: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.textLength)
        write(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
