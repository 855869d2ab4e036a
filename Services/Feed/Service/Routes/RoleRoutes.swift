internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Store

/// Which agent answers which events of a workspace (seed 3's roles, contracts §11).
struct RoleRoutes: Sendable {
    let roles: RoleStore
    let workspaces: WorkspaceStore

    var routes: [APIRoute] {
        let path = "/v1/workspaces/{workspace_id}/roles"
        return [
            APIRoute(.get, path, .tenant(.tenantAdmin), list),
            APIRoute(.put, path + "/{role}", .tenant(.tenantAdmin), put),
            APIRoute(.get, path + "/{role}", .tenant(.tenantAdmin), find),
            APIRoute(.delete, path + "/{role}", .tenant(.tenantAdmin), delete),
        ]
    }

    private static let agentLength = 1...128

    private static var missingWorkspace: HTTPError { .notFound("there is no such workspace") }
    private static var missing: HTTPError { .notFound("nobody plays this role in this workspace") }

    private func workspace(_ call: APICall) throws(HTTPError) -> WorkspaceID {
        guard let id = WorkspaceID(call.request.parameter("workspace_id")) else { throw Self.missingWorkspace }
        return id
    }

    private func put(_ call: APICall) async throws -> Response {
        let workspace = try workspace(call)
        let role = call.request.parameter("role")
        guard Self.isRole(role) else {
            throw HTTPError.badRequest(
                "invalid_role",
                "a role is webhook.{source}.{event type}, as the events of the workspace's door are named",
                param: "role")
        }
        let fields = try call.fields()
        try fields.refuseUnknown(["agent_id"])
        let agent = try fields.string("agent_id", length: Self.agentLength)
        guard agent.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F }) else {
            throw fields.invalid("agent_id", "has no blanks and no control characters")
        }
        let made = try await roles.put(role, workspace: workspace, tenant: call.tenant, agent: agent)
        guard let (record, isNew) = made else { throw Self.missingWorkspace }
        return .object(isNew ? 201 : 200) { RoleView.write(record, to: &$0) }
    }

    private func find(_ call: APICall) async throws -> Response {
        let record = try await roles.find(
            call.request.parameter("role"), workspace: try workspace(call), tenant: call.tenant)
        guard let record else { throw Self.missing }
        return .object { RoleView.write(record, to: &$0) }
    }

    private func list(_ call: APICall) async throws -> Response {
        let workspace = try workspace(call)
        let (after, limit) = try call.listPosition()
        guard try await workspaces.find(workspace, tenant: call.tenant) != nil else { throw Self.missingWorkspace }
        let page = try await roles.list(workspace: workspace, tenant: call.tenant, after: after, limit: limit)
        return .list(page, cursor: \.role) { json, record in json.object { RoleView.write(record, to: &$0) } }
    }

    private func delete(_ call: APICall) async throws -> Response {
        let isGone = try await roles.delete(
            call.request.parameter("role"), workspace: try workspace(call), tenant: call.tenant)
        guard isGone else { throw Self.missing }
        return .noContent
    }

    /// `webhook.{source}.{event_type_slug}`; `webhook.test` and what is below it is the platform's own.
    private static func isRole(_ text: String) -> Bool {
        guard EventType(text) != nil else { return false }
        let words = text.split(separator: ".", maxSplits: 2)
        return words.count == 3 && words[0] == "webhook" && words[1] != "test"
    }
}

enum RoleView {
    static func write(_ record: RoleRecord, to json: inout JSONWriter) {
        json.member("role", record.role)
        json.member("workspace_id", record.workspace)
        json.member("agent_id", record.agent)
        json.member("created_at", record.createdAt)
        json.member("updated_at", record.updatedAt)
    }
}
