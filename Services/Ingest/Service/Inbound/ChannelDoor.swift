internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Inbound

/// `/v1/webhook/{channel}/{integration_id}`, and `/v1/webhook/{channel}` where the installation has one integration of that
/// channel (`contracts.md` §9).
enum ChannelDoor {
    static func make(book: IntegrationBook, gate: InboundGate) -> InboundDoor {
        InboundDoor(
            paths: ["/v1/webhook/{channel}", "/v1/webhook/{channel}/{integration_id}"],
            endpoints: ChannelEndpoints(book: book), gate: gate,
            channel: { $0["channel"].flatMap(InboundChannel.init)?.rawValue ?? InboundInstruments.unknown },
            makeEvents: { event, arrival, hall in
                let key = InboundDoor.dedupeKey(event, arrival.endpoint)
                return [
                    hall.newEvent(
                        event.type, tenant: arrival.endpoint.tenant, key: key, at: arrival.receivedAt,
                        data: data(event, arrival))
                ]
            })
    }

    private static func data(_ event: InboundEvent, _ arrival: InboundArrival) -> [UInt8] {
        var writer = JSONWriter(capacity: event.payload.count + 1_024)
        writer.object { writer in
            writer.member("channel", arrival.endpoint.kind.name)
            writer.member("integration_id", arrival.endpoint.id)
            writer.member("event", event.name)
            writer.member("action", event.action)
            writer.member("delivery_id", event.deliveryID)
            writer.member("received_at", arrival.receivedAt)
            writer.member("headers", object: { writer in RecordedHeaders.write(arrival.headers, to: &writer) })
            writer.member("payload", raw: event.payload)
        }
        return writer.bytes
    }
}

private struct ChannelEndpoints: InboundEndpoints {
    let book: IntegrationBook

    func find(_ parameters: PathParameters, now: Timestamp) -> InboundLookup {
        guard let channel = parameters["channel"].flatMap(InboundChannel.init) else { return .none }
        guard let text = parameters["integration_id"] else {
            return book.only(channel).map { book.find($0, channel: channel, now: now) } ?? .none
        }
        guard let id = IntegrationID(text) else { return .none }
        return book.find(id, channel: channel, now: now)
    }
}
