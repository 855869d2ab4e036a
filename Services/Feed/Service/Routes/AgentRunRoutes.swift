internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Store

/// Runs of agents: a list for whoever wants to know, and the way back for whoever runs them (contracts §11).
struct AgentRunRoutes: Sendable {
    let runs: AgentRunStore

    var routes: [APIRoute] {
        let path = "/v1/tenant/agent-runs"
        return [
            APIRoute(.get, path, .tenant(.tenantAdmin), list),
            APIRoute(.get, path + "/{id}", .tenant(.tenantAdmin), find),
            APIRoute(.patch, path + "/{id}", .tenant(.tenantAdmin), report),
        ]
    }

    /// Of a result, in bytes.
    private static let maximumResult = 32 * 1024

    private static var missing: HTTPError { .notFound("there is no such run") }

    private func list(_ call: APICall) async throws -> Response {
        let (cursor, limit) = try call.listPosition()
        var before: Int64?
        if let cursor {
            guard let seq = Int64(cursor), seq > 0 else {
                throw call.invalid("cursor", "is the next_cursor of an earlier page")
            }
            before = seq
        }
        var filter = AgentRunStore.Filter()
        filter.event = try call.queryIdentifier("event_id")
        filter.workspace = try call.queryIdentifier("workspace_id")
        filter.state = try call.choice("state", of: AgentRunRecord.State.allCases.map(\.rawValue))
            .flatMap { AgentRunRecord.State(rawValue: $0) }
        filter.agent = call.query["agent_id"]
        let page = try await runs.list(tenant: call.tenant, filter, before: before, limit: limit)
        return .list(page, cursor: { String($0.seq) }) { json, record in
            json.object { AgentRunView.write(record, to: &$0) }
        }
    }

    private func find(_ call: APICall) async throws -> Response {
        guard let record = try await runs.find(try call.identifier(), tenant: call.tenant) else { throw Self.missing }
        return .object { AgentRunView.write(record, to: &$0) }
    }

    private func report(_ call: APICall) async throws -> Response {
        let id: RunID = try call.identifier()
        let fields = try call.fields()
        try fields.refuseUnknown(["state", "result"])
        let state = try fields.optionalChoice("state", of: AgentRunRecord.State.self)
        var result: String??
        if fields.presence("result") != .absent {
            let bytes = fields.value("result")?.bytes
            guard bytes.map({ $0.count <= Self.maximumResult }) ?? true else {
                throw fields.invalid("result", "has at most \(Self.maximumResult) bytes")
            }
            result = .some(bytes.map { String(decoding: $0, as: UTF8.self) })
        }
        if let record = try await runs.report(id, tenant: call.tenant, state: state, result: result) {
            return .object { AgentRunView.write(record, to: &$0) }
        }
        guard let ended = try await runs.find(id, tenant: call.tenant) else { throw Self.missing }
        throw HTTPError(
            status: 409, code: "run_ended", message: "the run has ended: \(ended.state.rawValue)", param: "state")
    }
}

enum AgentRunView {
    static func write(_ record: AgentRunRecord, to json: inout JSONWriter) {
        json.member("id", record.id)
        json.member("chat_id", record.chat)
        json.member("agent_id", record.agent)
        json.member("role", record.role)
        json.member("trigger_id", record.trigger?.description)
        json.member("workspace_id", record.workspace?.description)
        json.member("event_id", record.event)
        json.member("event_type", record.eventType)
        json.member("inputs", raw: Array(record.inputs.utf8))
        json.member("state", record.state.rawValue)
        json.key("result")
        if let result = record.result { json.raw(Array(result.utf8)) } else { json.null() }
        json.member("created_at", record.createdAt)
        json.member("updated_at", record.updatedAt)
    }
}
