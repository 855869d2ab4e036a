/// Byte classes of RFC 9110; no locale, no Unicode.
enum ASCII {
    static let space: UInt8 = 0x20
    static let tab: UInt8 = 0x09
    static let delete: UInt8 = 0x7F

    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    /// A character of a token (RFC 9110 §5.6.2): what names of fields and methods consist of.
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        // One bit a character, as literals: every byte of every header name comes through here.
        let lower: UInt64 = 0x3FF6CFA00000000
        let upper: UInt64 = 0x57FFFFFFC7FFFFFE
        return byte < 128 && (byte < 64 ? lower : upper) & (1 << UInt64(byte & 63)) != 0
    }

    static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    static func equalIgnoringCase(_ bytes: some Collection<UInt8>, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        var expected = text.utf8Start
        for byte in bytes {
            guard lowercased(byte) == expected.pointee else { return false }
            expected += 1
        }
        return true
    }
}
