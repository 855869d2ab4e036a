internal import Crypto
internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Inbound
internal import Store
internal import Triggers
internal import YAML

/// Triggers: what answers events with a run of an agent or an event of its own (contracts §9). Documents come as JSON or YAML.
struct TriggerRoutes: Sendable {
    let triggers: TriggerStore
    let integrations: IntegrationStore
    let secrets: SecretBox
    let clock: any WallClock

    /// Nobody agrees on YAML's media type (RFC 9512 came late).
    private static let documentTypes = [
        "application/json", "application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml",
    ]

    var routes: [APIRoute] {
        let path = "/v1/tenant/triggers"
        return [
            APIRoute(.post, path, .tenant(.tenantAdmin), contentTypes: Self.documentTypes, create),
            APIRoute(.get, path, .tenant(.tenantAdmin), list),
            APIRoute(.get, path + "/{id}", .tenant(.tenantAdmin), find),
            APIRoute(.patch, path + "/{id}", .tenant(.tenantAdmin), contentTypes: Self.documentTypes, change),
            APIRoute(.put, path + "/{id}", .tenant(.tenantAdmin), contentTypes: Self.documentTypes, replace),
            APIRoute(.delete, path + "/{id}", .tenant(.tenantAdmin), delete),
            APIRoute(.post, path + "/{id}/rotate", .tenant(.tenantAdmin), rotate),
            TriggerDryRun(triggers: triggers, clock: clock).route(path + "/dry-run", Self.documentTypes),
        ]
    }

    static var missing: HTTPError { .notFound("there is no such trigger") }

    private func create(_ call: APICall) async throws -> Response {
        let source = try TriggerSource(call, limits: .standard, known: ["trigger", "active"])
        guard let value = source.value("trigger") else { throw source.missing("trigger") }
        let document = try source.document(value)
        let now = clock.now()
        let id = TriggerID.make(at: now)
        let content = TriggerContent(
            name: document.definition.name, document: document.json, isActive: try source.isActive ?? true,
            door: door(of: document, id, isNew: true))
        guard let trigger = try await triggers.create(id, tenant: call.tenant, content, now: now) else {
            throw HTTPError.notFound("the tenant was deleted")
        }
        return try await answer(201, trigger, showing: document.door?.secrets)
    }

    private func list(_ call: APICall) async throws -> Response {
        let (after, limit) = try call.listPosition()
        let page = try await triggers.list(tenant: call.tenant, after: after, limit: limit)
        return .list(page, cursor: \.id.description) { json, trigger in
            json.object { TriggerView.write(trigger, to: &$0) }
        }
    }

    private func find(_ call: APICall) async throws -> Response {
        try await answer(200, try await existing(call), showing: nil)
    }

    /// Fields of `trigger` that are given take the place of the old ones; `null` takes one away. Secrets that are given, and
    /// those that a new preset needs, take effect at once.
    private func change(_ call: APICall) async throws -> Response {
        let source = try TriggerSource(call, limits: .standard, known: ["trigger", "active"])
        let change = source.value("trigger")
        return try await put(call, isActive: try source.isActive) { old in
            let stored = try JSONValue(parsing: old.document)
            return try source.document(change.map { TriggerDocument.merged(stored, with: $0) } ?? stored)
        }
    }

    /// Puts a whole document in the place of the old one. Secrets that it does not give stay.
    private func replace(_ call: APICall) async throws -> Response {
        let source = try TriggerSource(call, limits: .standard, known: ["trigger", "active"])
        guard let value = source.value("trigger") else { throw source.missing("trigger") }
        let document = try source.document(value)
        return try await put(call, isActive: try source.isActive) { _ in document }
    }

    /// How often a change is made anew because somebody else's came first.
    private static let attempts = 10

    /// - Parameter isActive: Nil leaves it.
    /// - Parameter document: Makes the new one of what there is; asked again when that has changed meanwhile.
    private func put(
        _ call: APICall, isActive: Bool?, _ document: (StoredTrigger) throws -> TriggerDocument
    ) async throws -> Response {
        for _ in 0..<Self.attempts {
            let old = try await existing(call)
            if let answer = try await put(try document(old), in: old, isActive: isActive) { return answer }
        }
        throw HTTPError(
            status: 409, code: "changed_meanwhile", message: "others change this trigger all the time; try again")
    }

    /// - Returns: nil when it is not the old one any more.
    private func put(_ document: TriggerDocument, in old: StoredTrigger, isActive: Bool?) async throws -> Response? {
        let stored = try JSONValue(parsing: old.document)
        let preset = try TriggerDocument(stored).door?.preset
        let hasNewSecrets = document.door.map { $0.hasOwnSecrets || $0.preset != preset } ?? false
        let content = TriggerContent(
            name: document.definition.name, document: document.json, isActive: isActive ?? old.isActive,
            door: door(of: document, old.id, isNew: hasNewSecrets))
        guard let trigger = try await triggers.update(old, content, now: clock.now()) else { return nil }
        return try await answer(200, trigger, showing: hasNewSecrets ? document.door?.secrets : nil)
    }

    private func delete(_ call: APICall) async throws -> Response {
        guard try await triggers.delete(try call.identifier(), tenant: call.tenant) else { throw Self.missing }
        return .noContent
    }

    /// Puts new secrets in force: those that are given, or new ones. The old ones are taken for seven days more.
    private func rotate(_ call: APICall) async throws -> Response {
        let fields = try call.fields()
        try fields.refuseUnknown(["secrets"])
        let trigger = try await existing(call)
        guard let preset = try TriggerDocument(JSONValue(parsing: trigger.document)).door?.preset else {
            throw HTTPError(status: 409, code: "no_url", message: "a trigger on the feed has no secrets")
        }
        let kind = InboundKind.preset(preset)
        let set = try InboundSecrets(
            try fields.optionalFields("secrets"), kind: kind, config: InboundConfig(kind: kind))
        let rotated = try await integrations.rotate(
            TriggerStore.door(of: trigger.id), tenant: call.tenant, sealedSecrets: seal(set.json, trigger.id),
            overlap: IntegrationRoutes.overlap, now: clock.now())
        guard rotated != nil else { throw Self.missing }
        return try await answer(200, trigger, showing: set.json)
    }

    // MARK: -

    private func existing(_ call: APICall) async throws -> StoredTrigger {
        guard let trigger = try await triggers.find(try call.identifier(), tenant: call.tenant) else {
            throw Self.missing
        }
        return trigger
    }

    private func door(of document: TriggerDocument, _ id: TriggerID, isNew: Bool) -> TriggerContent.Door? {
        document.door.map { door in
            TriggerContent.Door(
                preset: door.preset.rawValue, config: door.config,
                sealedSecrets: isNew ? seal(door.secrets, id) : nil)
        }
    }

    private func seal(_ json: [UInt8], _ id: TriggerID) -> String {
        secrets.seal(json, context: StoredIntegration.secretContext(TriggerStore.door(of: id)))
    }

    private func answer(_ status: Int, _ trigger: StoredTrigger, showing secrets: [UInt8]?) async throws -> Response {
        let door = try await triggers.door(trigger.id, tenant: trigger.tenant)
        return .object(status) { json in
            TriggerView.write(trigger, to: &json)
            if let door { TriggerView.writeSecretSets(of: door, at: clock.now(), to: &json) }
            // Shown here and never again: they are kept sealed.
            if let secrets { TriggerView.write(secrets: secrets, to: &json) }
        }
    }
}
