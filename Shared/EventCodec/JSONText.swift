/// Strings out of a JSON text that has been scanned, and back into one.
public enum JSONText {
    /// The characters of the string at `span`, which a scan of the same text returned.
    public static func string(at span: JSONSpan, of text: Span<UInt8>) -> String {
        text.withUnsafeBytes { string(at: span, of: $0) }
    }

    public static func string(at span: JSONSpan, of text: [UInt8]) -> String {
        text.withUnsafeBytes { string(at: span, of: $0) }
    }

    static func string(at span: JSONSpan, of text: UnsafeRawBufferPointer) -> String {
        let content = content(of: span, in: text)
        return String(decoding: span.hasEscapes ? unescaped(content)[...] : ArraySlice(content), as: UTF8.self)
    }

    /// The bytes between the quotes, escapes and all.
    static func content(of span: JSONSpan, in text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        precondition(span.kind == .string, "only a string has characters")
        return UnsafeRawBufferPointer(rebasing: text[(span.start + 1)..<(span.end - 1)])
    }

    /// Resolves the escapes of a string's content that a scan has checked.
    static func unescaped(_ content: UnsafeRawBufferPointer) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(content.count)
        var index = 0
        while index < content.count {
            guard content[index] == 0x5C else {
                bytes.append(content[index])
                index += 1
                continue
            }
            guard content[index + 1] == 0x75 else {
                bytes.append(character(escapedAs: content[index + 1]))
                index += 2
                continue
            }
            var value = UInt32(codeUnit(content, at: index))
            index += 6
            if (0xD800...0xDBFF).contains(value) {
                value = 0x10000 + (value - 0xD800) << 10 + UInt32(codeUnit(content, at: index)) - 0xDC00
                index += 6
            }
            append(scalar: value, to: &bytes)
        }
        return bytes
    }

    private static func codeUnit(_ content: UnsafeRawBufferPointer, at index: Int) -> UInt16 {
        (2..<6).reduce(0) { $0 << 4 | (hexValue(of: content[index + $1]) ?? 0) }
    }

    private static func append(scalar value: UInt32, to bytes: inout [UInt8]) {
        guard let scalar = Unicode.Scalar(value) else {
            preconditionFailure("a scan lets paired surrogates through only")
        }
        bytes.append(contentsOf: UTF8.encode(scalar)?.map { $0 } ?? [])
    }

    private static func character(escapedAs letter: UInt8) -> UInt8 {
        switch letter {
        case 0x62: 0x08
        case 0x66: 0x0C
        case 0x6E: 0x0A
        case 0x72: 0x0D
        case 0x74: 0x09
        default: letter
        }
    }

    static func hexValue(of digit: UInt8) -> UInt16? {
        switch digit {
        case 0x30...0x39: UInt16(digit - 0x30)
        case 0x41...0x46: UInt16(digit - 0x41 + 10)
        case 0x61...0x66: UInt16(digit - 0x61 + 10)
        default: nil
        }
    }

    /// Appends `string` in quotes. Escapes what RFC 8259 §7 demands and nothing else: quote, backslash, U+0000–U+001F.
    public static func append(_ string: String, to text: inout [UInt8]) {
        var string = string
        string.withUTF8 { append(escaping: UnsafeRawBufferPointer($0), to: &text) }
    }

    static func append(escaping bytes: UnsafeRawBufferPointer, to text: inout [UInt8]) {
        text.append(0x22)
        var plain = 0
        for (index, byte) in bytes.enumerated() where byte < 0x20 || byte == 0x22 || byte == 0x5C {
            text.append(contentsOf: bytes[plain..<index])
            plain = index + 1
            text.append(0x5C)
            switch byte {
            case 0x22, 0x5C: text.append(byte)
            case 0x08: text.append(0x62)
            case 0x0C: text.append(0x66)
            case 0x0A: text.append(0x6E)
            case 0x0D: text.append(0x72)
            case 0x09: text.append(0x74)
            default:
                text.append(contentsOf: [0x75, 0x30, 0x30, 0x30 + byte >> 4])
                text.append(byte & 15 < 10 ? 0x30 + byte & 15 : 0x61 + byte & 15 - 10)
            }
        }
        text.append(contentsOf: bytes[plain...])
        text.append(0x22)
    }
}
