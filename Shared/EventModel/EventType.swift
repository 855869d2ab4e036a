/// What an event is about, for example `run.completed`: words of `A-Z a-z 0-9 _ -` joined by dots, at most 128 characters
/// (`contracts.md` §3). A word and all before it name a family: `run` is the family of `run.completed`.
public struct EventType: Hashable, Sendable, Comparable, CustomStringConvertible {
    public static let maximumLength = 128

    public let text: String

    /// Nil unless the text is an event type.
    public init?(_ text: String) {
        guard Self.isValid(text.utf8) else { return nil }
        self.text = text
    }

    /// Nil unless the bytes are the text of an event type.
    public init?(utf8 bytes: UnsafeRawBufferPointer) {
        guard Self.isValid(bytes) else { return nil }
        self.text = String(decoding: bytes, as: UTF8.self)
    }

    static func isValid(_ bytes: some Collection<UInt8>) -> Bool {
        guard (1...maximumLength).contains(bytes.count) else { return false }
        var wordLength = 0
        for byte in bytes {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2D: wordLength += 1
            case 0x2E where wordLength > 0: wordLength = 0
            default: return false
            }
        }
        return wordLength > 0
    }

    /// Whether this is `family` itself or one of its members: `slack.install` belongs to `slack`, `slackbot` does not.
    public func belongs(to family: EventType) -> Bool {
        let (mine, theirs) = (text.utf8, family.text.utf8)
        guard mine.count > theirs.count else { return text == family.text }
        return mine.starts(with: theirs) && mine[mine.index(mine.startIndex, offsetBy: theirs.count)] == 0x2E
    }

    public var description: String { text }

    public static func < (left: EventType, right: EventType) -> Bool { left.text < right.text }
}
