internal import EventCodec
internal import EventModel
internal import Store

/// The sample that the test of a webhook sends.
enum TestEvent {
    static let type = "webhook.test"

    /// Goes to the webhook's endpoint and to no other, whatever they subscribe to.
    /// - Parameter isVerification: Whether the webhook waits for its endpoint to say that it wants to be one.
    static func make(for webhook: WebhookRecord, at now: Timestamp, isVerification: Bool = false) -> NewEvent {
        guard let type = EventType(type) else { preconditionFailure("the type is a constant") }
        let id = EventID.make(at: now)
        var data = JSONWriter()
        data.object { json in
            json.member("webhook_id", webhook.id)
            json.member("url", webhook.url)
            if isVerification { json.member("reason", "verification") }
            json.member(
                "message",
                isVerification
                    ? "Answer with a 2xx, and this endpoint gets events from then on."
                    : "A test: this endpoint is reached, and its signature can be verified.")
        }
        return NewEvent(
            id: id, tenant: webhook.tenant, type: type.text, smithID: nil, createdAt: now, onlyEndpoint: webhook.id,
            envelope: EnvelopeWriter.write(
                id: id, type: type, createdAt: now, tenant: webhook.tenant, smith: nil, data: data.bytes))
    }
}
