public import EventModel

/// A body that was published: one event, or several that are accepted or refused together.
public struct PublishedBody: Hashable, Sendable {
    /// Decides the form of the answer: `{"id",…}` for one event, `{"ids",…}` for a batch, be it a batch of one.
    public enum Form: Hashable, Sendable {
        case single, batch
    }

    public var form: Form
    /// In the body's order; at least one.
    public var events: [PublishedEvent]
}

/// One event as its publisher sent it, checked; `data` stays where it is in the body.
public struct PublishedEvent: Hashable, Sendable {
    public var type: EventType
    public var smith: SmithID?
    /// The publisher's time, or this server's where none was given or it lay (tolerably) ahead.
    public var createdAt: Timestamp
    /// Whether `createdAt` is this server's.
    public var isCreatedHere: Bool
    public var key: IdempotencyKey?
    /// Where the value of `data` lies in the body.
    public var data: Range<Int>
}

/// A publisher's own name for an event: what it sends again under the same key is the same event.
///
/// 1–255 printable ASCII characters (0x20–0x7E), compared byte by byte.
public struct IdempotencyKey: Hashable, Sendable {
    public static let maximumLength = 255

    public let text: String
    /// The event's place in a batch whose header key stands for all of it; nil where the key is the event's own.
    public let index: Int?

    /// Nil unless the text is a key.
    public init?(_ text: String, index: Int? = nil) {
        guard (1...Self.maximumLength).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
        else { return nil }
        self.text = text
        self.index = index
    }

    /// The same key for the event at `index` of a batch.
    func at(index: Int) -> IdempotencyKey { IdempotencyKey(unchecked: text, index) }

    private init(unchecked text: String, _ index: Int) {
        self.text = text
        self.index = index
    }

    /// The bytes over which the dedupe hash is taken.
    public func material(tenant: TenantID, door: StaticString) -> [UInt8] {
        DedupeKey.material(tenant: tenant, door: door, key: text, index: index)
    }
}
