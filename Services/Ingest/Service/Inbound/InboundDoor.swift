internal import Backbone
internal import EventCodec
public import EventModel
public import HTTPServer
internal import Inbound

/// What a door knows of a verified request beside its event.
public struct InboundArrival: Sendable {
    public let endpoint: InboundEndpoint
    public let headers: RequestHeaders
    public let receivedAt: Timestamp
}

/// A door for somebody else's webhooks: checks, verifies, makes events, answers as the vendor expects, and leaves a row in
/// the audit whatever the request came to.
struct InboundDoor: Door {
    /// Makes the events of a request; the first one is the one that the answer names.
    typealias MakeEvents = @Sendable (InboundEvent, InboundArrival, Hall) -> [NewEvent]

    let paths: [String]
    let endpoints: any InboundEndpoints
    let gate: InboundGate
    /// What audit and metrics call a request whose path leads to nobody.
    let channel: @Sendable (PathParameters) -> String
    let makeEvents: MakeEvents

    func addRoutes(to table: inout RouteTable, hall: Hall) {
        var options = RouteOptions(admit: { (head, parameters) throws(HTTPError) in
            let lookup = endpoints.find(parameters, now: hall.clock.now())
            guard let refusal = gate.check(head, lookup) else { return }
            let entry = gate.entry(head, lookup, channel: name(lookup, parameters), body: nil)
            gate.finish(entry, .refused, status: refusal.error.status, reason: refusal.reason)
            throw refusal.error
        })
        options.refused = { head, parameters, status in
            let lookup = endpoints.find(parameters, now: hall.clock.now())
            let entry = gate.entry(head, lookup, channel: name(lookup, parameters), body: nil)
            gate.finish(entry, .refused, status: status, reason: InboundGate.reason(status: status))
        }
        options.bodyLimit = { parameters in
            guard case .found(let endpoint) = endpoints.find(parameters, now: hall.clock.now()) else { return 0 }
            return endpoint.config.bodyLimit
        }
        for path in paths {
            table.add(
                nil, path, options: options, .deferred { request, responder in open(request, responder, hall) })
        }
    }

    private func name(_ lookup: InboundLookup, _ parameters: PathParameters) -> String {
        if case .found(let endpoint) = lookup { endpoint.kind.name } else { channel(parameters) }
    }

    private func open(_ request: Request, _ responder: Responder, _ hall: Hall) {
        guard let parameters = request.match?.parameters else {
            preconditionFailure("a request at a door has been routed to it")
        }
        let lookup = endpoints.find(parameters, now: hall.clock.now())
        let entry = gate.entry(request.head, lookup, channel: name(lookup, parameters), body: request.body)
        do throws(InboundGate.Refusal) {
            // It may have gone while the body was on its way.
            if let refusal = gate.check(request.head, lookup) { throw refusal }
            guard case .found(let endpoint) = lookup else { return }
            switch try gate.open(request, endpoint) {
            case .challenge(let answer):
                gate.finish(entry, .challenge, status: answer.status)
                responder.respond(Self.response(answer, nil))
            case .event(let event):
                let arrival = InboundArrival(
                    endpoint: endpoint, headers: request.headers, receivedAt: hall.clock.now())
                submit(event, arrival, entry, responder, hall)
            }
        } catch {
            gate.finish(entry, .refused, status: error.error.status, reason: error.reason, age: error.age)
            responder.respond(error.error)
        }
    }

    private func submit(
        _ event: InboundEvent, _ arrival: InboundArrival, _ entry: InboundGate.Entry, _ responder: Responder,
        _ hall: Hall
    ) {
        var entry = entry
        entry.record.dedupeKey = event.dedupeKey
        entry.record.age = event.age
        let events = makeEvents(event, arrival, hall)
        entry.record.event = events.first?.id
        entry.record.type = events.first?.type
        let answer = event.answer
        let submission = gate.submission(events, entry, status: answer.status, responder) { Self.response(answer, $0) }
        hall.conclude(.accept(submission), responder)
    }

    /// Scoped by whom the request is for: two integrations may hear of one event.
    static func dedupeKey(_ event: InboundEvent, _ endpoint: InboundEndpoint) -> DedupeKey? {
        event.dedupeKey.map {
            Hall.dedupeKey(
                DedupeKey.material(
                    tenant: endpoint.tenant, door: "inbound", key: "\(endpoint.id)\n\($0)", index: nil))
        }
    }

    static func response(_ answer: InboundAnswer, _ receipt: AppendReceipt?) -> Response {
        switch answer.body {
        case .bytes(let bytes, let contentType):
            return Response(
                status: answer.status,
                headers: bytes.isEmpty ? [] : [HTTPField("Content-Type", contentType)],
                body: bytes.isEmpty ? .empty : .bytes(bytes))
        case .receipt:
            guard case .stored(let id, let isDuplicate)? = receipt else { return Response(status: answer.status) }
            var writer = JSONWriter(capacity: 80)
            writer.object { writer in
                writer.member("id", id)
                writer.member("duplicate", isDuplicate)
            }
            return .json(answer.status, writer.bytes)
        }
    }
}
