/// Comparison of `Content-Type` values (RFC 9110 §8.3).
enum MediaType {
    /// Whether the value, without its parameters, is one of `types`, which are in lower case.
    static func isOne(of types: [String], _ value: ArraySlice<UInt8>) -> Bool {
        var type = value.prefix { $0 != UInt8(ascii: ";") }
        while let last = type.last, last == ASCII.space || last == ASCII.tab { type.removeLast() }
        return types.contains { candidate in
            candidate.utf8.count == type.count && zip(candidate.utf8, type).allSatisfy { $0 == ASCII.lowercased($1) }
        }
    }
}
