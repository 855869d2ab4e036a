internal import HTTPServer

/// Paths that the feed process serves: a request for one that reaches ingest was routed wrongly (RFC 9110 §15.5.20).
enum WrongProcess {
    private static let feedPaths = [
        "/v1/events", "/v1/events/{rest...}", "/v1/event-types", "/v1/event-types/{rest...}", "/v1/tenant/{rest...}",
        "/v1/admin/{rest...}", "/v1/workspaces", "/v1/workspaces/{rest...}", "/v1/meta", "/v1/webhook/subscriptions",
        "/.well-known/{rest...}",
    ]

    static func addRoutes(to table: inout RouteTable) {
        for path in feedPaths {
            table.add(
                nil, path,
                .immediate { _ in
                    throw HTTPError(
                        status: 421, code: "wrong_process",
                        message: "this path is served by fanfare-feed; this is fanfare-ingest")
                })
        }
    }
}
