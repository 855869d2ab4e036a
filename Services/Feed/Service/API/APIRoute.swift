internal import HTTPServer

/// One path and method of the API, and who may use it. Tests read the list of them.
struct APIRoute: Sendable {
    let method: HTTPMethod
    let pattern: String
    let access: Access
    /// Bytes.
    let maxBody: Int
    /// Media types of a body.
    let contentTypes: [String]
    let handler: @Sendable (APICall) async throws -> Response

    init(
        _ method: HTTPMethod, _ pattern: String, _ access: Access, maxBody: Int = 64 * 1024,
        contentTypes: [String] = ["application/json"],
        _ handler: @escaping @Sendable (APICall) async throws -> Response
    ) {
        self.method = method
        self.pattern = pattern
        self.access = access
        self.maxBody = maxBody
        self.contentTypes = contentTypes
        self.handler = handler
    }
}
