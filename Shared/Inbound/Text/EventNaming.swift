public import EventModel

/// Event types out of the words that vendors use.
public enum EventNaming {
    /// Words joined by dots. What no event type may hold becomes `_`; dots inside a word stay, since vendors' own names have
    /// them (`im.message.receive_v1`); cut to the longest type.
    static func type(_ words: [String?]) -> EventType {
        var bytes: [UInt8] = []
        for word in words {
            guard let word, !word.isEmpty else { continue }
            if let last = bytes.last, last != 0x2E { bytes.append(0x2E) }
            append(word, to: &bytes)
        }
        if bytes.count > EventType.maximumLength { bytes.removeSubrange(EventType.maximumLength...) }
        while bytes.last == 0x2E { bytes.removeLast() }
        return EventType(String(decoding: bytes, as: UTF8.self)) ?? unknown
    }

    /// For a sender that says nothing at all of its event.
    private static let unknown: EventType = {
        guard let type = EventType("webhook.received") else { preconditionFailure("a literal type is a type") }
        return type
    }()

    private static func append(_ word: String, to bytes: inout [UInt8]) {
        for byte in word.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D: bytes.append(byte)
            // No two dots in a row, and none at the beginning.
            case 0x2E: if let last = bytes.last, last != 0x2E { bytes.append(byte) }
            default: bytes.append(0x5F)
            }
        }
    }

    /// What `webhook.{source}` names a preset: its own name, `generic` for the platform's own scheme.
    public static func source(of kind: InboundKind) -> String {
        kind == .preset(.combo) ? "generic" : kind.name
    }

    /// `webhook.<source>.<slug of name>`, the form of seed 3's door and of triggers (`contracts.md` §8, §9).
    public static func webhook(source: String, name: String) -> EventType? {
        EventType("webhook.\(source).\(slug(name, sourceLength: source.utf8.count))")
    }

    /// Lower case, each run outside `[a-z0-9]` becomes `_`, trimmed, empty → `received`; cut so that the whole type stays
    /// within its 128 characters.
    public static func slug(_ text: String, sourceLength: Int) -> String {
        slug(text, room: EventType.maximumLength - "webhook..".utf8.count - sourceLength)
    }

    static func slug(_ text: String, room: Int) -> String {
        var bytes: [UInt8] = []
        for byte in text.lowercased().utf8 {
            switch byte {
            case 0x30...0x39, 0x61...0x7A: bytes.append(byte)
            default: if let last = bytes.last, last != 0x5F { bytes.append(0x5F) }
            }
            if bytes.count == room { break }
        }
        if bytes.last == 0x5F { bytes.removeLast() }
        return bytes.isEmpty ? "received" : String(decoding: bytes, as: UTF8.self)
    }
}
