/// Why a text is not the JSON that we accept, and where.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        case unexpectedEnd = "the text ends too early"
        case unexpectedCharacter = "this character cannot stand here"
        case trailingBytes = "something follows the value"
        case invalidNumber = "not a number as RFC 8259 writes it"
        case invalidLiteral = "not true, false or null"
        case controlCharacter = "a control character must be escaped"
        case invalidEscape = "not an escape sequence"
        case loneSurrogate = "half of a surrogate pair"
        case invalidUTF8 = "not UTF-8"
        case duplicateKey = "a key stands here twice"
        case unknownKey = "this key is not known"
        case tooDeep = "nested too deeply"
        case tooLarge = "too large"
        case notAnObject = "an object is expected"
    }

    public var code: Code
    /// The index of the first byte that is at fault.
    public var offset: Int

    public init(_ code: Code, at offset: Int) {
        self.code = code
        self.offset = offset
    }

    public var description: String { "\(code.rawValue) (byte \(offset))" }
}

/// Bounds on a JSON text that somebody else wrote.
public struct JSONLimits: Hashable, Sendable {
    /// How many containers may lie in one another; the outermost is the first. 1–64, because the scanner keeps its stack in
    /// one machine word.
    public let depth: Int
    /// Bytes of the whole text, white space included.
    public let bytes: Int

    public init(depth: Int = 64, bytes: Int = Int.max) {
        precondition((1...64).contains(depth), "a scanner's stack has 64 places")
        self.depth = depth
        self.bytes = bytes
    }

    public static let standard = JSONLimits()
}
