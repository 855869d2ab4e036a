internal import EventCodec
public import EventModel

/// What triggers see of an event: what a door took, or what stands on the feed.
public struct TriggerEvent: Sendable {
    public let type: EventType
    /// The trigger whose door took it; nil for any other event.
    public let door: TriggerID?
    /// How many triggers lie between it and an event that came from outside.
    public let depth: Int
    /// For triggers on the feed: `data`.
    let onFeed: TriggerScope
    /// For the trigger whose door took it: what the sender sent, with its headers.
    let atDoor: TriggerScope?

    /// Triggers that start one another end here.
    public static let maximumDepth = 5

    private static let keys: [StaticString] = [
        "v", "id", "type", "created_at", "tenant_id", "smith_id", "data",
    ]

    /// Nil for what is no envelope.
    public init?(envelope: [UInt8]) {
        guard let spans = try? JSONScanner.members(of: envelope, keys: Self.keys), let data = spans[6],
            let typeSpan = spans[2], typeSpan.kind == .string,
            let type = EventType(JSONText.string(at: typeSpan, of: envelope))
        else { return nil }
        self.type = type
        var writer = JSONWriter()
        writer.beginObject()
        for (key, span) in zip(Self.keys, spans.prefix(6)) {
            if let span { writer.member(key, raw: Array(envelope[span.range])) }
        }
        writer.endObject()
        guard let head = try? JSONOutline(writer.bytes), let whole = Self.outline(data, of: envelope) else {
            return nil
        }
        onFeed = TriggerScope(payload: whole, headers: nil, head: head)
        guard data.kind == .object,
            let inner = try? JSONScanner.members(
                of: envelope, in: data, keys: ["trigger_id", "payload", "headers", "depth"]),
            let name = inner[0], name.kind == .string,
            let trigger = TriggerID(JSONText.string(at: name, of: envelope))
        else {
            (door, depth, atDoor) = (nil, 0, nil)
            return
        }
        // What triggers emit names them too; only what a door took has a payload.
        if let payload = inner[1], type.text.hasPrefix("webhook."), let sent = Self.outline(payload, of: envelope) {
            (door, depth) = (trigger, 0)
            atDoor = TriggerScope(
                payload: sent, headers: inner[2].flatMap { Self.outline($0, of: envelope) }, head: head)
        } else {
            (door, atDoor) = (nil, nil)
            depth = Self.depth(inner[3], of: envelope)
        }
    }

    private static func outline(_ span: JSONSpan, of envelope: [UInt8]) -> JSONOutline? {
        try? JSONOutline(Array(envelope[span.range]))
    }

    private static func depth(_ span: JSONSpan?, of envelope: [UInt8]) -> Int {
        guard let span, span.kind == .number else { return 0 }
        return Int(String(decoding: envelope[span.range], as: UTF8.self)) ?? maximumDepth
    }
}

/// What the queries and references of one trigger look at.
struct TriggerScope: Sendable {
    let payload: JSONOutline
    let headers: JSONOutline?
    /// The envelope without `data`.
    let head: JSONOutline
}
