internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Inbound
internal import Store
internal import Triggers
internal import YAML

/// `POST /v1/tenant/triggers/dry-run`: what a trigger would make of a sample, and if nothing, why. Nothing is stored.
///
/// The trigger is given, or named by `trigger_id`; the sample is a `payload` (with `headers`) as a door takes it, or with
/// `type` the `data` of an event on the feed.
struct TriggerDryRun: Sendable {
    let triggers: TriggerStore
    let clock: any WallClock

    /// A sample may be a whole payload.
    private static let limits = YAMLLimits(bytes: 1 << 20, depth: 60, values: 100_000)

    func route(_ path: String, _ types: [String]) -> APIRoute {
        APIRoute(.post, path, .tenant(.tenantAdmin), maxBody: Self.limits.bytes, contentTypes: types, answer)
    }

    private func answer(_ call: APICall) async throws -> Response {
        let source = try TriggerSource(
            call, limits: Self.limits, known: ["trigger", "trigger_id", "payload", "headers", "type", "data"])
        let (id, document) = try await trigger(source, call)
        let definition = document.definition
        let envelope = try envelope(source, definition, id, call.tenant)
        guard let event = TriggerEvent(envelope: envelope) else {
            throw HTTPError.badRequest("invalid_sample", "no event can be made of the sample")
        }
        let verdict =
            definition.answers(event, id: id)
            ? definition.judge(event)
            : TriggerVerdict(objections: ["the trigger does not answer events of the type \(event.type)"])
        return Self.response(definition, verdict, event, id, now: clock.now())
    }

    private func trigger(_ source: TriggerSource, _ call: APICall) async throws -> (TriggerID, TriggerDocument) {
        if let value = source.value("trigger") { return (TriggerID.make(at: clock.now()), try source.document(value)) }
        guard case .string(let text)? = source.value("trigger_id") else { throw source.missing("trigger") }
        guard let id = TriggerID(text), let stored = try await triggers.find(id, tenant: call.tenant) else {
            throw TriggerRoutes.missing
        }
        return (id, try TriggerDocument(JSONValue(parsing: stored.document)))
    }

    private func envelope(
        _ source: TriggerSource, _ definition: TriggerDefinition, _ id: TriggerID, _ tenant: TenantID
    ) throws -> [UInt8] {
        let now = clock.now()
        var type: EventType?
        if case .string(let text)? = source.value("type") { type = EventType(text) }
        let data: [UInt8]
        switch definition.source {
        case .feed:
            guard type != nil else { throw source.missing("type") }
            data = (source.value("data") ?? source.value("payload") ?? .object([])).bytes
        case .door(let preset):
            guard let payload = source.value("payload") else { throw source.missing("payload") }
            let family = EventNaming.source(of: .preset(preset))
            type = type ?? EventNaming.webhook(source: family, name: Self.name(of: payload))
            var json = JSONWriter()
            json.object { json in
                json.member("trigger_id", id)
                json.member("headers", Self.lowered(source.value("headers")))
                json.member("payload", payload)
            }
            data = json.bytes
        }
        guard let type else { throw source.missing("type") }
        return EnvelopeWriter.write(
            id: EventID.make(at: now), type: type, createdAt: now, tenant: tenant, smith: nil, data: data)
    }

    /// What the body calls the event, in the order in which the door looks; senders that say it in a header name the `type`.
    private static func name(of payload: JSONValue) -> String {
        for key in ["event", "type", "action"] {
            if case .string(let name)? = payload[key], !name.isEmpty { return name }
        }
        return "received"
    }

    private static func lowered(_ headers: JSONValue?) -> JSONValue {
        guard case .object(let members)? = headers else { return .object([]) }
        return .object(members.map { JSONValue.Member($0.key.lowercased(), $0.value) })
    }

    private static func response(
        _ definition: TriggerDefinition, _ verdict: TriggerVerdict, _ event: TriggerEvent, _ id: TriggerID,
        now: Timestamp
    ) -> Response {
        .object { json in
            json.member("acts", verdict.acts)
            json.member("objections", verdict.objections)
            json.member("type", event.type.text)
            json.key("run")
            if verdict.acts, let agent = definition.action.agent {
                json.object { json in
                    json.member("agent_id", agent)
                    json.member("inputs", raw: verdict.inputs)
                }
            } else {
                json.null()
            }
            json.key("emit")
            if verdict.acts, let type = definition.action.emits {
                json.object { json in
                    json.member("type", type.text)
                    json.member(
                        "data",
                        raw: definition.emission(
                            of: verdict, trigger: id, event: EventID.make(at: now), depth: event.depth))
                }
            } else {
                json.null()
            }
        }
    }
}
