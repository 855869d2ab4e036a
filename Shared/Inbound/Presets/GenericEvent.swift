internal import EventCodec
internal import EventModel

/// What presets make of a verified request.
enum GenericEvent {
    static func read(_ request: InboundRequest, preset: InboundPreset) throws(InboundRefusal) -> InboundOutcome {
        .event(try event(request, preset: preset, id: nil))
    }

    /// - Parameters:
    ///   - name: Where the sender says it in a header; else the body's `event`, `type` or `action` (seed 3's order).
    ///   - id: The sender's id of the delivery, which becomes the dedupe key.
    static func event(
        _ request: InboundRequest, preset: InboundPreset, name: String? = nil, id: String?,
        redacting secrets: [StaticString] = [], answer: InboundAnswer = .receipt
    ) throws(InboundRefusal) -> InboundEvent {
        let payload = try payload(request)
        let fields = try PayloadFields(payload, ["event", "type", "action", "token"])
        let name = name ?? fields.text("event") ?? fields.text("type") ?? fields.text("action") ?? "received"
        return InboundEvent(
            type: type(preset, name), name: name, action: fields.text("action"), deliveryID: id,
            dedupeKey: id.map { "generic:\($0)" },
            payload: Redaction.apply(fields.secrets(secrets), to: payload), age: nil, answer: answer)
    }

    /// `webhook.{preset or generic}.{slug}`.
    static func type(_ preset: InboundPreset, _ name: String) -> EventType {
        let source = EventNaming.source(of: .preset(preset))
        return EventNaming.webhook(source: source, name: name) ?? EventNaming.type(["webhook", source])
    }

    /// JSON as it came; of a form its `payload` where that is JSON, else the fields as an object.
    private static func payload(_ request: InboundRequest) throws(InboundRefusal) -> [UInt8] {
        guard request.isForm else { return request.body }
        guard let form = FormBody(request.body) else { throw InboundRefusal(.malformedBody) }
        if let payload = form["payload"], payload.first == 0x7B { return payload }
        return form.json
    }
}
