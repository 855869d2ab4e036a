internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Signing
internal import Store

/// Tokens: operators make any tenant's, admins their own.
struct TokenRoutes: Sendable {
    let tokens: TokenStore
    let directory: Directory
    let clock: any WallClock

    var routes: [APIRoute] {
        [
            APIRoute(.post, "/v1/admin/tenants/{tenant}/tokens", .operator) { call in
                try await create(call, tenant: call.anyTenant())
            },
            APIRoute(.get, "/v1/admin/tenants/{tenant}/tokens", .operator) { call in
                try await list(call, tenant: call.anyTenant())
            },
            APIRoute(.delete, "/v1/admin/tenants/{tenant}/tokens/{id}", .operator) { call in
                try await revoke(call, tenant: call.anyTenant())
            },
            APIRoute(.post, "/v1/tenant/tokens", .tenant(.tenantAdmin)) { call in
                try await create(call, tenant: call.tenant)
            },
            APIRoute(.get, "/v1/tenant/tokens", .tenant(.tenantAdmin)) { call in
                try await list(call, tenant: call.tenant)
            },
            APIRoute(.delete, "/v1/tenant/tokens/{id}", .tenant(.tenantAdmin)) { call in
                try await revoke(call, tenant: call.tenant)
            },
        ]
    }

    private func create(_ call: APICall, tenant: TenantID) async throws -> Response {
        let fields = try call.fields()
        let names = try fields.optionalStrings("scopes", count: 1...8)
        guard let scopes = names.map({ Scopes(names: $0) }) ?? .tenantAdmin, scopes.isSubset(of: .ofTenants) else {
            throw fields.invalid("scopes", "are of \(Scopes.ofTenants.names.joined(separator: ", "))")
        }
        let label = try fields.optionalString("label", length: 0...200) ?? ""
        let made = try await tokens.create(
            tenant: tenant, scopes: scopes, label: label, expiresAt: try expiry(fields), now: clock.now())
        guard let (record, token) = made else { throw HTTPError.notFound("there is no such tenant") }
        directory.refresh()
        return .object(201) { json in
            TokenView.write(record, to: &json)
            // Shown here and never again: only its hash is kept.
            json.member("token", token.text)
        }
    }

    private func expiry(_ fields: JSONFields) throws(JSONFieldError) -> Timestamp? {
        guard let text = try fields.optionalString("expires_at") else { return nil }
        guard let time = RFC3339.parse(text), time > clock.now() else {
            throw fields.invalid("expires_at", "is a time to come, as RFC 3339 writes it")
        }
        return time
    }

    private func list(_ call: APICall, tenant: TenantID) async throws -> Response {
        let (after, limit) = try call.listPosition()
        let page = try await tokens.list(tenant: tenant, after: after, limit: limit)
        return .list(page, cursor: \.id.description) { json, record in
            json.object { TokenView.write(record, to: &$0) }
        }
    }

    private func revoke(_ call: APICall, tenant: TenantID) async throws -> Response {
        guard try await tokens.revoke(try call.identifier(), tenant: tenant) else {
            throw HTTPError.notFound("there is no such token")
        }
        directory.refresh()
        return .noContent
    }
}

enum TokenView {
    static func write(_ record: TokenRecord, to json: inout JSONWriter) {
        json.member("id", record.id)
        json.member("tenant_id", record.tenant?.text)
        json.member("scopes", record.scopes.names)
        json.member("label", record.label)
        json.member("hint", record.hint)
        json.member("created_at", record.createdAt)
        json.member("expires_at", record.expiresAt)
    }
}

extension APICall {
    /// The tenant that an operator names in the path.
    fileprivate func anyTenant() throws(HTTPError) -> TenantID {
        guard let id = TenantID(request.parameter("tenant")) else { throw .notFound("there is no such tenant") }
        return id
    }
}
