/// Base64 of RFC 4648: the standard alphabet with padding (§4) and the URL-safe one without (§5).
///
/// Decoding is strict. One text has one meaning: padding must be exactly right, the unused bits of the last character
/// must be zero, and no white space is skipped, so two different texts never decode to the same bytes.
public enum Base64 {
    public enum Alphabet: Sendable {
        /// `+` and `/`, padded with `=`.
        case standard
        /// `-` and `_`, not padded: safe in URLs, headers and file names.
        case urlSafe
    }

    private static let standardCharacters: StaticString =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    private static let urlSafeCharacters: StaticString =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    /// How many characters `count` bytes take.
    public static func encodedCount(_ count: Int, _ alphabet: Alphabet = .standard) -> Int {
        switch alphabet {
        case .standard: (count + 2) / 3 * 4
        case .urlSafe: (count * 4 + 2) / 3
        }
    }

    /// Appends the text of `bytes`.
    public static func append(_ bytes: Span<UInt8>, _ alphabet: Alphabet = .standard, to text: inout [UInt8]) {
        let start = text.count
        text.append(contentsOf: repeatElement(0, count: encodedCount(bytes.count, alphabet)))
        text.withUnsafeMutableBufferPointer { text in
            let target = UnsafeMutableBufferPointer(rebasing: text[start...])
            _ = bytes.withUnsafeBytes { write($0, alphabet, to: target) }
        }
    }

    public static func encode(_ bytes: Span<UInt8>, _ alphabet: Alphabet = .standard) -> String {
        String(unsafeUninitializedCapacity: encodedCount(bytes.count, alphabet)) { text in
            bytes.withUnsafeBytes { write($0, alphabet, to: text) }
        }
    }

    public static func encode(_ bytes: [UInt8], _ alphabet: Alphabet = .standard) -> String {
        encode(bytes.span, alphabet)
    }

    /// Writes the text of `source` to `text`, which is long enough, and returns its length.
    private static func write(
        _ source: UnsafeRawBufferPointer, _ alphabet: Alphabet, to text: UnsafeMutableBufferPointer<UInt8>
    ) -> Int {
        let characters = (alphabet == .standard ? standardCharacters : urlSafeCharacters).utf8Start
        var input = 0
        var output = 0
        while input + 3 <= source.count {
            let group = UInt32(source[input]) << 16 | UInt32(source[input + 1]) << 8 | UInt32(source[input + 2])
            text[output] = characters[Int(group >> 18)]
            text[output + 1] = characters[Int(group >> 12 & 63)]
            text[output + 2] = characters[Int(group >> 6 & 63)]
            text[output + 3] = characters[Int(group & 63)]
            input += 3
            output += 4
        }
        let left = source.count - input
        guard left > 0 else { return output }
        let group = UInt32(source[input]) << 16 | (left == 2 ? UInt32(source[input + 1]) << 8 : 0)
        text[output] = characters[Int(group >> 18)]
        text[output + 1] = characters[Int(group >> 12 & 63)]
        output += 2
        if left == 2 {
            text[output] = characters[Int(group >> 6 & 63)]
            output += 1
        }
        guard alphabet == .standard else { return output }
        while !output.isMultiple(of: 4) {
            text[output] = 0x3D
            output += 1
        }
        return output
    }

    /// Nil unless `text` is exactly what `encode` writes for some bytes in this alphabet.
    public static func decode(_ text: Span<UInt8>, _ alphabet: Alphabet = .standard) -> [UInt8]? {
        text.withUnsafeBytes { source -> [UInt8]? in
            guard let length = unpaddedCount(source, alphabet) else { return nil }
            var bytes: [UInt8] = []
            bytes.reserveCapacity(length * 3 / 4)
            var bits: UInt32 = 0
            for index in 0..<length {
                guard let value = value(of: source[index], alphabet) else { return nil }
                bits = bits << 6 | value
                switch index & 3 {
                case 1: bytes.append(UInt8(truncatingIfNeeded: bits >> 4))
                case 2: bytes.append(UInt8(truncatingIfNeeded: bits >> 2))
                case 3: bytes.append(UInt8(truncatingIfNeeded: bits))
                default: break
                }
            }
            switch length & 3 {
            case 2 where bits & 15 != 0: return nil
            case 3 where bits & 3 != 0: return nil
            default: return bytes
            }
        }
    }

    /// Nil unless `text` is exactly what `encode` writes for some bytes in this alphabet.
    public static func decode(_ text: String, _ alphabet: Alphabet = .standard) -> [UInt8]? {
        decode(text.utf8.span, alphabet)
    }

    /// The count of characters before the padding, or nil where the padding is wrong.
    private static func unpaddedCount(_ source: UnsafeRawBufferPointer, _ alphabet: Alphabet) -> Int? {
        var length = source.count
        if alphabet == .standard {
            guard length.isMultiple(of: 4) else { return nil }
            if length > 0, source[length - 1] == 0x3D { length -= 1 }
            if length > 0, length < source.count, source[length - 1] == 0x3D { length -= 1 }
        }
        return length & 3 == 1 ? nil : length
    }

    private static func value(of character: UInt8, _ alphabet: Alphabet) -> UInt32? {
        switch character {
        case 0x41...0x5A: UInt32(character - 0x41)
        case 0x61...0x7A: UInt32(character - 0x61 + 26)
        case 0x30...0x39: UInt32(character - 0x30 + 52)
        case 0x2B where alphabet == .standard: 62
        case 0x2F where alphabet == .standard: 63
        case 0x2D where alphabet == .urlSafe: 62
        case 0x5F where alphabet == .urlSafe: 63
        default: nil
        }
    }
}
