/// Where something stands in a text; both count from 1.
public struct TextPosition: Hashable, Sendable, CustomStringConvertible {
    public var line: Int
    /// In characters, as libyaml and editors count.
    public var column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// The position of a byte of a UTF-8 text.
    public init(ofByte offset: Int, in text: [UInt8]) {
        var (line, start) = (1, 0)
        let end = min(max(0, offset), text.count)
        for index in 0..<end where text[index] == 0x0A { (line, start) = (line + 1, index + 1) }
        self.init(line: line, column: text[start..<end].count { $0 & 0xC0 != 0x80 } + 1)
    }

    public var description: String { "line \(line), column \(column)" }
}

/// Why a text is not the YAML that we accept, and where.
public struct YAMLError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        /// Not YAML; the message is libyaml's.
        case syntax
        /// YAML that has no counterpart in JSON, or that costs more than it says: anchors, aliases, tags, several documents.
        case unsupported
        case duplicateKey
        /// Too long, too deep, too many values.
        case tooLarge
    }

    public var code: Code
    public var message: String
    public var position: TextPosition

    public init(_ code: Code, _ message: String, at position: TextPosition) {
        self.code = code
        self.message = message
        self.position = position
    }

    public var description: String { "\(message) (\(position))" }
}

/// Bounds on a text that somebody else wrote.
public struct YAMLLimits: Hashable, Sendable {
    public var bytes: Int
    public var depth: Int
    /// Scalars, keys, sequences and mappings.
    public var values: Int

    public init(bytes: Int = 64 * 1024, depth: Int = 24, values: Int = 4_000) {
        self.bytes = bytes
        self.depth = depth
        self.values = values
    }

    public static let standard = YAMLLimits()
}
