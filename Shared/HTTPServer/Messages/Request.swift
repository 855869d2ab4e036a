/// A whole request, as a handler gets it.
public struct Request: Sendable {
    public let head: RequestHead
    /// The body, never longer than the limit it was admitted with.
    public let body: [UInt8]
    /// The route that admitted the request; nil for a handler without a route table.
    public let match: RouteMatch?

    public init(head: RequestHead, body: [UInt8] = [], match: RouteMatch? = nil) {
        self.head = head
        self.body = body
        self.match = match
    }

    public var method: HTTPMethod { head.method }
    public var headers: RequestHeaders { head.headers }

    /// The decoded path segment that `{name}` in the route's pattern stands for.
    ///
    /// - Precondition: the pattern has a segment of that name.
    public func parameter(_ name: String) -> String {
        guard let value = match?.parameters[name] else {
            preconditionFailure("the route of this request has no segment {\(name)}")
        }
        return value
    }
}
