internal import EventModel
internal import HTTPServer
internal import Store

/// The audit as one long answer.
struct AuditExportRoutes: Sendable {
    let exporter: AuditExporter

    var routes: [APIRoute] {
        [APIRoute(.get, "/v1/tenant/audit/export", .tenant(.tenantAdmin), export)]
    }

    private func export(_ call: APICall) async throws -> Response {
        var filter = AuditExportFilter(tenant: call.tenant)
        filter.direction = try call.choice("direction", of: ["inbound", "outbound", "management"])
        filter.endpoint = try call.queryIdentifier("webhook_id")
        filter.integration = call.query["integration_id"]
        filter.since = try call.time("since")
        filter.until = try call.time("until")
        let after = try call.query["after"].map { text throws(HTTPError) in
            guard let seq = Int64(text), seq >= 0 else { throw call.invalid("after", "is the seq of a row") }
            return seq
        }
        guard call.request.method == .get else { return Self.answer(ResponseStream()) }
        guard let stream = exporter.begin(filter, after: after) else {
            throw HTTPError.unavailable(
                "too many exports are under way here", code: "overloaded", retryAfterSeconds: 10)
        }
        return Self.answer(stream)
    }

    private static func answer(_ stream: ResponseStream) -> Response {
        Response(
            status: 200,
            headers: [
                HTTPField("Content-Type", "application/x-ndjson"), HTTPField("Cache-Control", "no-store"),
                HTTPField("Content-Disposition", #"attachment; filename="audit.ndjson""#),
                HTTPField("X-Accel-Buffering", "no"),
            ], body: .stream(stream))
    }
}
