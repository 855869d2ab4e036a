internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Inbound

/// `/v1/webhook/generic/{trigger_id}`: the URL of a trigger (`contracts.md` §9). What the trigger does with the event is
/// decided from the feed; here it is verified and stored.
enum TriggerDoor {
    static func make(endpoints: any InboundEndpoints, gate: InboundGate) -> InboundDoor {
        InboundDoor(
            paths: ["/v1/webhook/generic/{trigger_id}"], endpoints: endpoints, gate: gate,
            channel: { _ in "generic" },
            makeEvents: { event, arrival, hall in
                let (tenant, id) = (arrival.endpoint.tenant, arrival.endpoint.id)
                let key = InboundDoor.dedupeKey(event, arrival.endpoint)
                return [
                    hall.newEvent(
                        event.type, tenant: tenant, key: key, at: arrival.receivedAt, data: data(event, arrival, id))
                ]
            })
    }

    /// As seed 3's door writes it, with the trigger's id.
    private static func data(_ event: InboundEvent, _ arrival: InboundArrival, _ id: String) -> [UInt8] {
        let source = EventNaming.source(of: arrival.endpoint.kind)
        var writer = JSONWriter(capacity: event.payload.count + 1_024)
        writer.object { writer in
            writer.member("source_kind", "webhook.\(source)")
            writer.member("source", source)
            writer.member("source_identifier", event.deliveryID ?? "\(source):\(id)")
            writer.member("event_type", event.name)
            writer.member("dedupe_key", event.deliveryID)
            writer.key("workspace_id")
            writer.null()
            writer.member("trigger_id", id)
            writer.member("received_at", arrival.receivedAt)
            writer.member("headers", object: { writer in RecordedHeaders.write(arrival.headers, to: &writer) })
            writer.member("payload", raw: event.payload)
        }
        return writer.bytes
    }
}

/// The triggers among what a book holds.
struct TriggerEndpoints: InboundEndpoints {
    let book: IntegrationBook

    func find(_ parameters: PathParameters, now: Timestamp) -> InboundLookup {
        guard let id = parameters["trigger_id"].flatMap({ TriggerID($0) }) else { return .none }
        return book.find(id, now: now)
    }
}

/// Knows nobody.
struct NoEndpoints: InboundEndpoints {
    func find(_ parameters: PathParameters, now: Timestamp) -> InboundLookup { .none }
}
