internal import HTTPServer

/// Paths that ingest serves. A balancer that sends them here is told where they belong: 421 (RFC 9110 §15.5.20).
enum MisdirectedRoutes {
    /// The methods that a path has here stay its own.
    static let paths: [(HTTPMethod?, String)] = [
        (.post, "/v1/events"), (nil, "/v1/ingest/events"), (nil, "/v1/webhook/{channel}"),
        (nil, "/v1/webhook/{channel}/{id}"), (nil, "/api/{rest...}"),
    ]

    static func add(to table: inout RouteTable) {
        let handler = RouteHandler.immediate { _ in
            throw HTTPError(
                status: 421, code: "wrong_process",
                message: "this path is served by fanfare-ingest; this is fanfare-feed")
        }
        for (method, path) in paths { table.add(method, path, options: RouteOptions(maxBody: maxBody), handler) }
    }

    /// Refused requests may be read this far, in bytes, so that the answer is seen.
    private static let maxBody = 1 << 20
}
