/// Bytes as pairs of hexadecimal digits. Written by hand because `String(format:)` costs 400 times as much.
public enum Hex {
    private static let digits: StaticString = "0123456789abcdef"

    /// Appends two lower-case digits a byte.
    public static func append(_ bytes: Span<UInt8>, to text: inout [UInt8]) {
        let digits = Self.digits.utf8Start
        text.reserveCapacity(text.count + bytes.count * 2)
        bytes.withUnsafeBytes { source in
            for byte in source {
                text.append(digits[Int(byte >> 4)])
                text.append(digits[Int(byte & 15)])
            }
        }
    }

    /// Two lower-case digits a byte.
    public static func encode(_ bytes: Span<UInt8>) -> String {
        let digits = Self.digits.utf8Start
        return String(unsafeUninitializedCapacity: bytes.count * 2) { text in
            bytes.withUnsafeBytes { source in
                for (index, byte) in source.enumerated() {
                    text[index * 2] = digits[Int(byte >> 4)]
                    text[index * 2 + 1] = digits[Int(byte & 15)]
                }
            }
            return bytes.count * 2
        }
    }

    /// Two lower-case digits a byte.
    public static func encode(_ bytes: [UInt8]) -> String { encode(bytes.span) }

    /// Reads digits of either case. Nil for an odd length or anything that is no digit; no separators, no `0x`.
    public static func decode(_ text: Span<UInt8>) -> [UInt8]? {
        guard text.count.isMultiple(of: 2) else { return nil }
        return text.withUnsafeBytes { source -> [UInt8]? in
            var bytes: [UInt8] = []
            bytes.reserveCapacity(source.count / 2)
            var index = 0
            while index < source.count {
                guard let high = value(of: source[index]), let low = value(of: source[index + 1]) else { return nil }
                bytes.append(high << 4 | low)
                index += 2
            }
            return bytes
        }
    }

    /// Reads digits of either case. Nil for an odd length or anything that is no digit; no separators, no `0x`.
    public static func decode(_ text: String) -> [UInt8]? { decode(text.utf8.span) }

    private static func value(of digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}
