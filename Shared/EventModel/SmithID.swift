/// Which smith (agent) an event belongs to: the publisher's own name for it, 1–64 printable Unicode characters
/// (`contracts.md` §3). Characters are counted as Unicode scalars, as Postgres counts them.
public struct SmithID: Hashable, Sendable, CustomStringConvertible {
    public static let maximumLength = 64

    public let text: String

    /// Nil unless the text has 1–64 characters, all of them printable.
    public init?(_ text: String) {
        var length = 0
        for scalar in text.unicodeScalars {
            length += 1
            guard length <= Self.maximumLength, Self.isPrintable(scalar) else { return nil }
        }
        guard length > 0 else { return nil }
        self.text = text
    }

    /// Control and format characters would hide or reorder what a log line or the console shows.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return (0x20...0x7E).contains(scalar.value) }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: return false
        default: return true
        }
    }

    public var description: String { text }

    // `String` calls canonically equivalent texts equal, Postgres does not. Names are compared as they are stored.
    public static func == (left: Self, right: Self) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    public func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}
