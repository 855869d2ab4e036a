internal import Crypto
internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Inbound
internal import Store

/// Integrations: what a tenant's vendors are verified with (contracts §9). The doors learn of a change by its version.
struct IntegrationRoutes: Sendable {
    let integrations: IntegrationStore
    let secrets: SecretBox
    let clock: any WallClock

    /// How long a set of secrets is still taken after a rotation.
    static let overlap: Duration = .seconds(7 * 86_400)
    private static let nameLength = 0...200

    var routes: [APIRoute] {
        let path = "/v1/tenant/integrations"
        return [
            APIRoute(.post, path, .tenant(.tenantAdmin), create),
            APIRoute(.get, path, .tenant(.tenantAdmin), list),
            APIRoute(.get, path + "/{id}", .tenant(.tenantAdmin), find),
            APIRoute(.patch, path + "/{id}", .tenant(.tenantAdmin), change),
            APIRoute(.delete, path + "/{id}", .tenant(.tenantAdmin), delete),
            APIRoute(.post, path + "/{id}/rotate", .tenant(.tenantAdmin), rotate),
        ]
    }

    private static var missing: HTTPError { .notFound("there is no such integration") }

    private func create(_ call: APICall) async throws -> Response {
        let fields = try call.fields()
        try fields.refuseUnknown(["channel", "name", "secrets", "config", "active"])
        guard let channel = try fields.optionalChoice("channel", of: InboundChannel.self) else {
            throw JSONFieldError(.missingField, "channel is missing", param: "channel")
        }
        let kind = InboundKind.channel(channel)
        let config = try InboundConfig(try fields.optionalFields("config"), kind: kind)
        let set = try InboundSecrets(try fields.optionalFields("secrets"), kind: kind, config: config)
        let now = clock.now()
        let id = IntegrationID.make(at: now)
        let made = try await integrations.create(
            NewIntegration(
                id: id, tenant: call.tenant, channel: channel.rawValue,
                name: try fields.optionalString("name", length: Self.nameLength) ?? "",
                config: Self.config(fields) ?? Array("{}".utf8), sealedSecrets: seal(set, id),
                isActive: try fields.optionalBool("active") ?? true), now: now)
        guard let made else { throw HTTPError.notFound("the tenant was deleted") }
        return answer(201, made, showing: set)
    }

    private func list(_ call: APICall) async throws -> Response {
        let (after, limit) = try call.listPosition()
        let channel = try call.choice("channel", of: InboundChannel.allCases.map(\.rawValue))
        let page = try await integrations.list(tenant: call.tenant, channel: channel, after: after, limit: limit)
        let now = clock.now()
        return .list(page, cursor: \.id.description) { json, record in
            json.object { IntegrationView.write(record, at: now, to: &$0) }
        }
    }

    private func find(_ call: APICall) async throws -> Response {
        answer(200, try await existing(call), showing: nil)
    }

    /// Secrets that are given take effect at once, without an overlap; those that the new settings ask for are made.
    private func change(_ call: APICall) async throws -> Response {
        let fields = try call.fields()
        try fields.refuseUnknown(["name", "secrets", "config", "active"])
        let old = try await existing(call)
        let kind = try kind(of: old)
        var change = IntegrationChange()
        change.name = try fields.optionalString("name", length: Self.nameLength)
        change.isActive = try fields.optionalBool("active")
        // `null` resets the settings.
        if fields.presence("config") != .absent { change.config = Self.config(fields) ?? Array("{}".utf8) }
        let config = try InboundConfig(
            try fields.presence("config") == .absent
                ? JSONFields(body: old.config) : fields.optionalFields("config"), kind: kind)
        let current = try opened(old, kind)
        let wanted: InboundSecrets
        if let given = try fields.optionalFields("secrets") {
            wanted = try InboundSecrets(replacing: current, with: given, kind: kind, config: config)
        } else {
            wanted = try InboundSecrets(JSONFields(body: current.json), kind: kind, config: config)
        }
        let isNew = wanted != current
        if isNew { change.sealedSecrets = seal(wanted, old.id) }
        guard
            let record = try await integrations.update(old.id, tenant: call.tenant, change, now: clock.now())
        else { throw Self.missing }
        return answer(200, record, showing: isNew ? wanted : nil)
    }

    private func delete(_ call: APICall) async throws -> Response {
        guard try await integrations.delete(try call.identifier(), tenant: call.tenant) else { throw Self.missing }
        return .noContent
    }

    /// Puts new secrets in force: those that are given, or new ones. The old ones are taken for seven days more.
    private func rotate(_ call: APICall) async throws -> Response {
        let fields = try call.fields()
        try fields.refuseUnknown(["secrets"])
        let old = try await existing(call)
        let kind = try kind(of: old)
        let config = try InboundConfig(json: old.config, kind: kind)
        let set = try InboundSecrets(
            replacing: try opened(old, kind), with: try fields.optionalFields("secrets"), kind: kind, config: config)
        let record = try await integrations.rotate(
            old.id, tenant: call.tenant, sealedSecrets: seal(set, old.id), overlap: Self.overlap, now: clock.now())
        guard let record else { throw Self.missing }
        return answer(200, record, showing: set)
    }

    // MARK: -

    private func existing(_ call: APICall) async throws -> StoredIntegration {
        guard let record = try await integrations.find(try call.identifier(), tenant: call.tenant) else {
            throw Self.missing
        }
        return record
    }

    /// A later release's channel is one that we cannot judge the secrets of.
    private func kind(of record: StoredIntegration) throws(HTTPError) -> InboundKind {
        guard let channel = InboundChannel(rawValue: record.channel) else {
            throw HTTPError(
                status: 409, code: "unknown_channel", message: "this release does not know \(record.channel)")
        }
        return .channel(channel)
    }

    private func opened(_ record: StoredIntegration, _ kind: InboundKind) throws -> InboundSecrets {
        let bytes = try secrets.open(record.secrets[0].sealed, context: StoredIntegration.secretContext(record.id))
        return try InboundSecrets(json: bytes, kind: kind)
    }

    private func seal(_ set: InboundSecrets, _ id: IntegrationID) -> String {
        secrets.seal(set.json, context: StoredIntegration.secretContext(id))
    }

    private static func config(_ fields: JSONFields) -> [UInt8]? { fields.value("config")?.bytes }

    private func answer(_ status: Int, _ record: StoredIntegration, showing set: InboundSecrets?) -> Response {
        .object(status) { json in
            IntegrationView.write(record, at: clock.now(), to: &json)
            // Shown here and never again: they are kept sealed.
            if let set { json.member("secrets", raw: set.json) }
        }
    }
}
