internal import Crypto
internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Signing
internal import Store

/// Workspaces: doors for senders without a token.
struct WorkspaceRoutes: Sendable {
    let workspaces: WorkspaceStore
    let directory: Directory
    let secrets: SecretBox
    let clock: any WallClock

    var routes: [APIRoute] {
        [
            APIRoute(.post, "/v1/workspaces", .tenant(.tenantAdmin), create),
            APIRoute(.get, "/v1/workspaces", .tenant(.tenantAdmin), list),
            APIRoute(.get, "/v1/workspaces/{id}", .tenant(.tenantAdmin), find),
            APIRoute(.patch, "/v1/workspaces/{id}", .tenant(.tenantAdmin), change),
            APIRoute(.delete, "/v1/workspaces/{id}", .tenant(.tenantAdmin), delete),
        ]
    }

    private static let nameLength = 0...200
    private static let rates = 0.001...1_000_000

    private func create(_ call: APICall) async throws -> Response {
        let fields = try call.fields()
        let id = WorkspaceID.make(at: clock.now())
        let require = try fields.optionalChoice("require", of: WorkspaceRequirement.self) ?? .none
        let secret = try WebhookFields.secret(fields) ?? (require == .none ? nil : SigningSecret.generate())
        let record = try await workspaces.create(
            id, tenant: call.tenant, name: try fields.optionalString("name", length: Self.nameLength) ?? "",
            require: require, ratePerSecond: try fields.optionalDouble("rate_per_s", in: Self.rates),
            ignoresRequestID: try fields.optionalBool("ignore_request_id") ?? false,
            sealedSecrets: secret.map { [seal($0, id)] } ?? [])
        guard let record else { throw HTTPError.notFound("the tenant was deleted") }
        directory.refresh()
        return answer(201, record, secret)
    }

    private func change(_ call: APICall) async throws -> Response {
        let fields = try call.fields()
        let id: WorkspaceID = try call.identifier()
        guard let old = try await workspaces.find(id, tenant: call.tenant) else { throw Self.missing }
        var change = WorkspaceChange()
        change.name = try fields.optionalString("name", length: Self.nameLength)
        change.require = try fields.optionalChoice("require", of: WorkspaceRequirement.self)
        if fields.presence("rate_per_s") != .absent {
            change.ratePerSecond = .some(try fields.optionalDouble("rate_per_s", in: Self.rates))
        }
        change.ignoresRequestID = try fields.optionalBool("ignore_request_id")
        var secret = try WebhookFields.secret(fields)
        if let require = change.require, require != .none, old.sealedSecrets.isEmpty, secret == nil {
            secret = SigningSecret.generate()
        }
        if let secret { change.sealedSecrets = [seal(secret, id)] }
        guard let record = try await workspaces.change(id, tenant: call.tenant, change) else { throw Self.missing }
        directory.refresh()
        return answer(200, record, secret)
    }

    private func list(_ call: APICall) async throws -> Response {
        let (after, limit) = try call.listPosition()
        let page = try await workspaces.list(tenant: call.tenant, after: after, limit: limit)
        return .list(page, cursor: \.id.description) { json, record in
            json.object { WorkspaceView.write(record, to: &$0) }
        }
    }

    private func find(_ call: APICall) async throws -> Response {
        guard let record = try await workspaces.find(try call.identifier(), tenant: call.tenant) else {
            throw Self.missing
        }
        return answer(200, record, nil)
    }

    private func delete(_ call: APICall) async throws -> Response {
        guard try await workspaces.delete(try call.identifier(), tenant: call.tenant) else { throw Self.missing }
        directory.refresh()
        return .noContent
    }

    private static var missing: HTTPError { .notFound("there is no such workspace") }

    private func seal(_ secret: SigningSecret, _ id: WorkspaceID) -> String {
        secrets.seal(secret.text, context: WorkspaceRecord.secretContext(id))
    }

    private func answer(_ status: Int, _ record: WorkspaceRecord, _ secret: SigningSecret?) -> Response {
        .object(status) { json in
            WorkspaceView.write(record, to: &json)
            if let secret { json.member("secret", secret.text) }
        }
    }
}

enum WorkspaceView {
    static func write(_ record: WorkspaceRecord, to json: inout JSONWriter) {
        json.member("id", record.id)
        json.member("name", record.name)
        json.member("require", record.require.rawValue)
        json.key("rate_per_s")
        if let rate = record.ratePerSecond { json.double(rate) } else { json.null() }
        json.member("ignore_request_id", record.ignoresRequestID)
        // The path at ingest: whoever knows it may send, unless something is required.
        json.member("path", "/api/v1/webhooks/generic/\(record.id)")
        json.member("created_at", record.createdAt)
    }
}
