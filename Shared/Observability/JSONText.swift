/// Appends log values to a line as JSON.
enum JSONText {
    /// A longer string is cut here, in bytes, and ends in `…`: one entry can never flood the log.
    static let longestString = 4096

    static func append(_ value: LogValue, to line: inout [UInt8]) {
        switch value {
        case .string(let text): append(text, to: &line)
        case .int(let number): line.append(contentsOf: String(number).utf8)
        case .double(let number):
            // JSON has no infinities; a quoted one is still readable.
            if number.isFinite {
                line.append(contentsOf: String(number).utf8)
            } else {
                append(String(number), to: &line)
            }
        case .bool(let flag): line.append(contentsOf: (flag ? "true" : "false").utf8)
        }
    }

    static func append(_ text: String, to line: inout [UInt8]) {
        var text = text
        line.append(UInt8(ascii: "\""))
        text.withUTF8 { bytes in
            guard bytes.count > longestString else { return append(bytes[...], to: &line) }
            var end = longestString
            while bytes[end] & 0xC0 == 0x80 { end -= 1 }
            append(bytes[..<end], to: &line)
            line.append(contentsOf: "…".utf8)
        }
        line.append(UInt8(ascii: "\""))
    }

    private static func append(_ bytes: Slice<UnsafeBufferPointer<UInt8>>, to line: inout [UInt8]) {
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                line.append(UInt8(ascii: "\\"))
                line.append(byte)
            case UInt8(ascii: "\n"): line.append(contentsOf: #"\n"#.utf8)
            case UInt8(ascii: "\r"): line.append(contentsOf: #"\r"#.utf8)
            case UInt8(ascii: "\t"): line.append(contentsOf: #"\t"#.utf8)
            case 0..<0x20, 0x7F:
                line.append(contentsOf: #"\u00"#.utf8)
                line.append(hexDigit(byte >> 4))
                line.append(hexDigit(byte & 15))
            default: line.append(byte)
            }
        }
    }
}

/// The lower-case hexadecimal digit of a value below 16.
func hexDigit(_ nibble: UInt8) -> UInt8 {
    nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
}
