extension PathParser {
    /// The greatest integer of I-JSON (RFC 7493 §2.2).
    private static let maximumInteger = 9_007_199_254_740_991

    /// `int`: no leading zero, no `-0`, within ±(2^53 - 1).
    mutating func readInteger() throws(JSONPathError) -> Int {
        let start = position
        _ = skip(0x2D)
        let digits = position
        while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
        guard position > digits else { throw unexpected("a digit is expected") }
        guard text[digits] != 0x30 || (position == digits + 1 && digits == start) else {
            throw JSONPathError(.syntax, "no leading zero and no -0", at: start)
        }
        guard let value = Int(String(decoding: text[start..<position], as: UTF8.self)),
            (-Self.maximumInteger...Self.maximumInteger).contains(value)
        else { throw JSONPathError(.range, "an integer lies within ±(2^53 - 1)", at: start) }
        return value
    }

    /// `number`: as RFC 8259 writes it.
    mutating func readNumber() throws(JSONPathError) -> PathNumber {
        let start = position
        _ = skip(0x2D)
        let digits = position
        try readDigits()
        guard text[digits] != 0x30 || position == digits + 1 else {
            throw JSONPathError(.syntax, "no leading zero", at: digits)
        }
        if skip(0x2E) { try readDigits() }
        if next == 0x65 || next == 0x45 {
            position += 1
            if next == 0x2B || next == 0x2D { position += 1 }
            try readDigits()
        }
        return PathNumber(String(decoding: text[start..<position], as: UTF8.self))
    }

    private mutating func readDigits() throws(JSONPathError) {
        let start = position
        while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
        guard position > start else { throw unexpected("a digit is expected") }
    }

    /// `string-literal`: in either kind of quotes, escapes resolved.
    mutating func readString() throws(JSONPathError) -> [UInt8] {
        guard let quote = next else { throw unexpected("a string is expected") }
        position += 1
        var bytes: [UInt8] = []
        while let byte = next {
            switch byte {
            case quote:
                position += 1
                return bytes
            case 0x5C:
                position += 1
                try readEscape(in: quote, to: &bytes)
            case 0x00...0x1F:
                throw unexpected("a control character must be escaped")
            default:
                bytes.append(byte)
                position += 1
            }
        }
        throw unexpected("the string does not end")
    }

    private mutating func readEscape(in quote: UInt8, to bytes: inout [UInt8]) throws(JSONPathError) {
        guard let letter = next else { throw unexpected("the string does not end") }
        switch letter {
        case 0x62: bytes.append(0x08)
        case 0x66: bytes.append(0x0C)
        case 0x6E: bytes.append(0x0A)
        case 0x72: bytes.append(0x0D)
        case 0x74: bytes.append(0x09)
        case 0x2F, 0x5C, quote: bytes.append(letter)
        case 0x75:
            position += 1
            let scalar = try readEscapedScalar()
            bytes.append(contentsOf: String(Character(scalar)).utf8)
            return
        default: throw unexpected("not an escape sequence")
        }
        position += 1
    }

    /// What follows `\u`: four hexadecimal digits, and the other half of a surrogate pair.
    private mutating func readEscapedScalar() throws(JSONPathError) -> Unicode.Scalar {
        let start = position
        var value = try readCodeUnit()
        if (0xD800...0xDBFF).contains(value), skip(0x5C), skip(0x75) {
            let low = try readCodeUnit()
            guard (0xDC00...0xDFFF).contains(low) else {
                throw JSONPathError(.syntax, "half of a surrogate pair", at: start)
            }
            value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(value) else {
            throw JSONPathError(.syntax, "half of a surrogate pair", at: start)
        }
        return scalar
    }

    private mutating func readCodeUnit() throws(JSONPathError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw unexpected("a hexadecimal digit is expected")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}
