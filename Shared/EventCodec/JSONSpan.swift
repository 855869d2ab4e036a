/// What kind of value a JSON text holds.
public enum JSONKind: UInt8, Hashable, Sendable {
    case object, array, string, number, `true`, `false`, null
}

/// Where a value lies in its text.
public struct JSONSpan: Hashable, Sendable {
    public let start: Int
    /// One past the last byte.
    public let end: Int
    public let kind: JSONKind
    /// Whether this is a string with at least one escape sequence, so that its bytes are not its characters.
    public let hasEscapes: Bool

    public init(start: Int, end: Int, kind: JSONKind, hasEscapes: Bool = false) {
        self.start = start
        self.end = end
        self.kind = kind
        self.hasEscapes = hasEscapes
    }

    /// All bytes of the value; those of a string with its quotes.
    public var range: Range<Int> { start..<end }

    /// Shifts both ends, for a text that lies inside a larger one.
    func moved(by distance: Int) -> JSONSpan {
        JSONSpan(start: start + distance, end: end + distance, kind: kind, hasEscapes: hasEscapes)
    }
}
