extension Array where Element == UInt8 {
    /// Appends a whole number in decimal digits, without making a `String`.
    public mutating func append(decimal number: Int64) {
        if number < 0 { append(0x2D) }
        append(decimal: number.magnitude)
    }

    /// Appends a whole number in decimal digits, without making a `String`.
    public mutating func append(decimal number: UInt64) {
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        Swift.withUnsafeMutableBytes(of: &digits) { buffer in
            var start = buffer.count
            var rest = number
            repeat {
                let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
                start -= 1
                buffer[start] = 0x30 + UInt8(truncatingIfNeeded: digit)
                rest = quotient
            } while rest > 0
            append(contentsOf: buffer[start...])
        }
    }

    /// Appends the bytes of a text that is known when the program is built.
    public mutating func append(ascii text: StaticString) {
        text.withUTF8Buffer { append(contentsOf: $0) }
    }
}
