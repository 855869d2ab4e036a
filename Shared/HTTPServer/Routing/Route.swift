/// How a route deals with a request that its path and method lead to.
public enum RouteHandler: Sendable {
    /// Answers at once, on the loop thread: must not block.
    case immediate(@Sendable (Request) throws -> Response)
    /// Answers through the responder, at once or later; called on the loop thread, must not block.
    case deferred(@Sendable (Request, Responder) -> Void)
    /// Answers from a task of the router's; 503 when too many are at work.
    case task(@Sendable (Request) async throws -> Response)
}

/// What a route demands of a request before its body is read, and how it speaks of failures.
public struct RouteOptions: Sendable {
    /// The longest body in bytes; a longer one is 413.
    public var maxBody: Int
    /// The longest body where it depends on the path; called after `admit`, must not block. Nil: `maxBody` for all.
    public var bodyLimit: (@Sendable (PathParameters) -> Int)?
    /// Media types a body may have, in lower case without parameters; anything else is 415. Empty: any.
    public var contentTypes: [String]
    public var errorForm: ErrorForm
    /// Looks at the head before the body is read, for tokens above all; must not block.
    public var admit: (@Sendable (RequestHead, PathParameters) throws(HTTPError) -> Void)?

    /// Learns of requests that were admitted and then refused by the server, with the status; must not block.
    public var refused: (@Sendable (RequestHead, PathParameters, Int) -> Void)?

    public init(
        maxBody: Int = RouteOptions.defaultMaxBody, contentTypes: [String] = [], errorForm: ErrorForm = .standard,
        admit: (@Sendable (RequestHead, PathParameters) throws(HTTPError) -> Void)? = nil
    ) {
        self.maxBody = maxBody
        self.contentTypes = contentTypes
        self.errorForm = errorForm
        self.admit = admit
    }

    /// 64 KiB: ample for an object of the management API.
    public static let defaultMaxBody = 64 * 1024
}

/// One entry of a route table.
final class Route: Sendable {
    let pattern: String
    let names: [String]
    let options: RouteOptions
    let handler: RouteHandler
    var errorForm: ErrorForm { options.errorForm }

    init(pattern: String, names: [String], options: RouteOptions, handler: RouteHandler) {
        self.pattern = pattern
        self.names = names
        self.options = options
        self.handler = handler
    }
}

/// The decoded path segments that the `{names}` of a pattern stand for.
public struct PathParameters: Sendable {
    let names: [String]
    let values: [String]

    public subscript(name: String) -> String? {
        names.firstIndex(of: name).map { values[$0] }
    }
}

/// The route that a request was led to.
public struct RouteMatch: Sendable {
    let route: Route
    public let parameters: PathParameters

    /// The pattern, `/v1/tenant/webhooks/{id}`; what metrics and traces call the route.
    public var pattern: String { route.pattern }

    init(route: Route, values: [String]) {
        self.route = route
        parameters = PathParameters(names: route.names, values: values)
    }

    /// A match made by hand, for handlers without a table and for tests.
    public init(pattern: String, parameters: KeyValuePairs<String, String> = [:], errorForm: ErrorForm = .standard) {
        self.init(
            route: Route(
                pattern: pattern, names: parameters.map(\.key), options: RouteOptions(errorForm: errorForm),
                handler: .immediate { _ in Response(status: 500) }), values: parameters.map(\.value))
    }
}
