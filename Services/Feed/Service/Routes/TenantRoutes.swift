internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Store

/// Operators make tenants.
struct TenantRoutes: Sendable {
    let tenants: TenantStore
    let directory: Directory
    let clock: any WallClock

    var routes: [APIRoute] {
        [
            APIRoute(.post, "/v1/admin/tenants", .operator, create),
            APIRoute(.get, "/v1/admin/tenants", .operator, list),
            APIRoute(.get, "/v1/admin/tenants/{tenant}", .operator, find),
            APIRoute(.put, "/v1/admin/tenants/{tenant}", .operator, put),
            APIRoute(.delete, "/v1/admin/tenants/{tenant}", .operator, delete),
        ]
    }

    private static let nameLength = 0...200

    private func create(_ call: APICall) async throws -> Response {
        let fields = try call.fields()
        let name = try fields.optionalString("name", length: Self.nameLength) ?? ""
        guard let record = try await tenants.create(TenantID(Ulid.random(at: clock.now())), name: name) else {
            preconditionFailure("80 random bits of one millisecond are not drawn twice")
        }
        directory.refresh()
        return .object(201) { TenantView.write(record, to: &$0) }
    }

    private func put(_ call: APICall) async throws -> Response {
        let id = try call.newTenantID()
        let name = try call.fields().optionalString("name", length: Self.nameLength)
        let (record, isNew) = try await tenants.put(id, name: name)
        directory.refresh()
        return .object(isNew ? 201 : 200) { TenantView.write(record, to: &$0) }
    }

    private func list(_ call: APICall) async throws -> Response {
        let (after, limit) = try call.listPosition()
        return .list(try await tenants.list(after: after, limit: limit), cursor: \.id.text) { json, record in
            json.object { TenantView.write(record, to: &$0) }
        }
    }

    private func find(_ call: APICall) async throws -> Response {
        guard let id = TenantID(call.request.parameter("tenant")), let record = try await tenants.find(id) else {
            throw HTTPError.notFound("there is no such tenant")
        }
        return .object { TenantView.write(record, to: &$0) }
    }

    private func delete(_ call: APICall) async throws -> Response {
        guard let id = TenantID(call.request.parameter("tenant")), try await tenants.delete(id) else {
            throw HTTPError.notFound("there is no such tenant")
        }
        directory.refresh()
        return .noContent
    }
}

enum TenantView {
    static func write(_ record: TenantRecord, to json: inout JSONWriter) {
        json.member("id", record.id.text)
        json.member("name", record.name)
        json.member("created_at", record.createdAt)
    }
}

extension APICall {
    /// The id that an operator brings for a tenant.
    fileprivate func newTenantID() throws(HTTPError) -> TenantID {
        guard let id = TenantID(request.parameter("tenant")) else {
            throw .badRequest(
                "invalid_id", "a tenant's id is 1-64 characters of A-Z a-z 0-9 _ - .", param: "id")
        }
        return id
    }
}
