/// Percent-decoding (RFC 3986 §2.1) that refuses what two parties could read differently.
enum PercentDecoding {
    enum Fault: Error { case badEscape, controlCharacter, notUTF8 }

    /// The text that `encoded` stands for.
    ///
    /// - Parameter plusIsSpace: true in a query (`application/x-www-form-urlencoded`), false in a path.
    /// - Throws: for `%` without two hexadecimal digits, for decoded control characters (NUL cuts strings in C
    ///   libraries, line ends split logs and headers) and for bytes that are not UTF-8.
    static func decode(_ encoded: Substring, plusIsSpace: Bool) throws(Fault) -> String {
        let source = encoded.utf8
        guard source.contains(where: { $0 == UInt8(ascii: "%") || (plusIsSpace && $0 == UInt8(ascii: "+")) }) else {
            return String(encoded)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(source.count)
        var iterator = source.makeIterator()
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = iterator.next().flatMap(ASCII.hexValue),
                    let low = iterator.next().flatMap(ASCII.hexValue)
                else { throw .badEscape }
                let decoded = high << 4 | low
                guard decoded >= ASCII.space, decoded != ASCII.delete else { throw .controlCharacter }
                bytes.append(decoded)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(ASCII.space)
            default: bytes.append(byte)
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .notUTF8 }
        return text
    }
}
