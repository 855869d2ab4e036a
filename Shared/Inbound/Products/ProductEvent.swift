internal import EventCodec
public import EventModel

/// What a message becomes: an event of the catalogue's type, and the `data` of its envelope (`contracts.md` §10).
public struct ProductEvent: Sendable, Hashable {
    public let type: EventType
    public let session: String
    /// `{session_id, agent_id, source, webhook_event, timestamp, payload, metadata}`
    public let data: [UInt8]
}

extension ProductMessage {
    /// - Parameters:
    ///   - now: Stands in for a timestamp that the sender did not give.
    ///   - newSession: Names a session for a message that belongs to none.
    /// - Throws: 400 for a missing `event` or `data`, and for an event that the source does not have.
    public func event(at now: Timestamp, newSession: () -> String) throws(ProductRefusal) -> ProductEvent {
        if let flat = FlatSubmission(self) { return flat.event(at: now, session: newSession()) }
        guard let name = members.meaning("event") else { throw ProductRefusal(.event, 400, "Missing event field") }
        guard let span = members.object("data"),
            let data = try? ProductMembers(of: body, in: span, keys: ProductPayload.keys)
        else { throw ProductRefusal(.data, 400, "Missing or invalid data field") }
        guard let mapped = ProductPayload(source: source, event: name, data: data, whole: Array(body[span.range]))
        else {
            throw ProductRefusal(
                .unknownEvent, 400, "Unknown event type '\(name.prefix(128))' for source '\(source.rawValue)'")
        }
        let context = ProductContext(members.raw("context"))
        return ProductEvent(
            type: mapped.type, session: context.session ?? newSession(), agent: context.agent ?? "external",
            source: source, name: name, timestamp: timestamp(now), payload: mapped.json,
            context: context.kept)
    }

    /// The sender's, as text: AgentGate writes milliseconds since 1970.
    private func timestamp(_ now: Timestamp) -> String {
        guard let text = members.text("timestamp") else { return RFC3339.format(now) }
        guard members.number("timestamp") != nil, let milliseconds = Int64(text),
            abs(milliseconds) < RFC3339.range.upperBound.microseconds / 1_000
        else { return text }
        return RFC3339.format(Timestamp(milliseconds: milliseconds))
    }
}

extension ProductEvent {
    /// - Parameter context: What the sender says of where the event belongs; kept beside what we know.
    init(
        type: EventType, session: String, agent: String, source: ProductSource, name: String, timestamp: String,
        payload: [UInt8], context: [JSONValue.Member]
    ) {
        var json = JSONWriter(capacity: 320 + payload.count)
        json.object { json in
            json.member("session_id", session)
            json.member("agent_id", agent)
            json.member("source", source.rawValue)
            json.member("webhook_event", name)
            json.member("timestamp", timestamp)
            json.member("payload", raw: payload)
            json.member(
                "metadata",
                object: { json in
                    json.member("source", source.rawValue)
                    json.member("webhookEvent", name)
                    for member in context {
                        json.key(dynamic: member.key)
                        json.value(member.value)
                    }
                })
        }
        self.init(type: type, session: session, data: json.bytes)
    }
}

/// Where a sender says that its event belongs.
struct ProductContext {
    let session: String?
    let agent: String?
    /// All of it, but for what only we may say.
    let kept: [JSONValue.Member]

    /// Ours: a sender proves who it is, not which agent acted.
    private static let reserved: Set<String> = ["source", "webhookEvent", "verifiedAgentId", "verifiedAgentMethod"]

    init(_ json: [UInt8]?) {
        let value = json.flatMap { try? JSONValue(parsing: $0, limits: JSONLimits()) }
        guard case .object(let members) = value else {
            (session, agent, kept) = (nil, nil, [])
            return
        }
        func text(_ key: String) -> String? {
            switch value?[key] {
            case .string(let text): text.isEmpty ? nil : text
            case .number(let number): number.text
            default: nil
            }
        }
        session = text("agentlens_session_id")
        agent = text("agentlens_agent_id") ?? text("agent_id")
        kept = members.filter { !Self.reserved.contains($0.key) && !$0.key.hasPrefix("verifiedAgent") }
    }
}
