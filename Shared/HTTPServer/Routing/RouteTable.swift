/// The routes of a service; each door adds its own.
///
/// ```swift
/// var routes = RouteTable()
/// routes.add(.get, "/v1/events/{id}", .task { request in try await store.event(request.parameter("id")) })
/// ```
///
/// A literal segment goes before a `{name}`, and that before `{rest...}`; where the best path lacks the method, a
/// less exact one that has it is taken. HEAD is answered by the GET route, OPTIONS by the table, unless there is a
/// route of its own.
public struct RouteTable: Sendable {
    /// Where a path leads: by method, nil for every method that has no entry of its own.
    struct Node: Sendable {
        var literals: [String: Int] = [:]
        var parameter: Int?
        var rest: Int?
        var routes: [HTTPMethod?: Route] = [:]
    }

    private var nodes = [Node()]
    /// Paths without places, whole: most requests are found here.
    private var exact: [String: Int] = [:]
    private(set) var turnEndedActions: [@Sendable () -> Void] = []

    public init() {}

    /// Adds a route; `method` nil takes every method that has no route of its own on this path.
    ///
    /// - Precondition: the path and method have no route yet.
    public mutating func add(
        _ method: HTTPMethod?, _ pattern: String, options: RouteOptions = RouteOptions(), _ handler: RouteHandler
    ) {
        let parsed = RoutePattern(pattern)
        var node = 0
        for segment in parsed.segments { node = child(of: node, segment) }
        precondition(
            nodes[node].routes[method] == nil, "two routes for \(method?.rawValue ?? "all methods") \(pattern)")
        nodes[node].routes[method] = Route(pattern: pattern, names: parsed.names, options: options, handler: handler)
        if parsed.names.isEmpty { exact[pattern] = node }
    }

    /// Runs after each turn of a loop in which a handler was called: a door hands over what it gathered as one batch.
    public mutating func onTurnEnded(_ action: @escaping @Sendable () -> Void) { turnEndedActions.append(action) }

    enum Finding {
        case route(RouteMatch)
        /// The path is known, the method is not.
        case methods([HTTPMethod])
        case nothing
    }

    /// - Throws: 400 for a path with bad escapes.
    func find(_ method: HTTPMethod, path: Substring) throws(HTTPError) -> Finding {
        if let node = exact[String(path)], let route = route(node, method) {
            return .route(RouteMatch(route: route, values: []))
        }
        var search = Search(table: self, method: method, segments: try RouteTable.segments(path))
        search.visit(0, 0)
        if let match = search.match { return .route(match) }
        return search.allowed.isEmpty ? .nothing : .methods(RouteTable.allowed(search.allowed))
    }

    private static func segments(_ path: Substring) throws(HTTPError) -> [String] {
        var segments: [String] = []
        for part in path.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            do {
                segments.append(try PercentDecoding.decode(Substring(part), plusIsSpace: false))
            } catch {
                throw .malformed("the path holds a bad percent escape")
            }
        }
        return segments
    }

    /// Every method that would be answered, in the order of the enumeration.
    private static func allowed(_ methods: Set<HTTPMethod>) -> [HTTPMethod] {
        var methods = methods
        methods.insert(.options)
        if methods.contains(.get) { methods.insert(.head) }
        return HTTPMethod.allCases.filter(methods.contains)
    }

    fileprivate func route(_ node: Int, _ method: HTTPMethod) -> Route? {
        let routes = nodes[node].routes
        return routes[method] ?? (method == .head ? routes[.get] : nil) ?? routes[.none]
    }

    private mutating func child(of node: Int, _ segment: RoutePattern.Segment) -> Int {
        let known: Int? =
            switch segment {
            case .literal(let text): nodes[node].literals[text]
            case .parameter: nodes[node].parameter
            case .rest: nodes[node].rest
            }
        if let known { return known }
        let new = nodes.count
        nodes.append(Node())
        switch segment {
        case .literal(let text): nodes[node].literals[text] = new
        case .parameter: nodes[node].parameter = new
        case .rest: nodes[node].rest = new
        }
        return new
    }

    /// Walks the tree, the most exact way first, until a route with the method is found.
    private struct Search {
        let table: RouteTable
        let method: HTTPMethod
        let segments: [String]
        var values: [String] = []
        var match: RouteMatch?
        var allowed: Set<HTTPMethod> = []

        mutating func visit(_ index: Int, _ depth: Int) {
            guard match == nil else { return }
            let node = table.nodes[index]
            guard depth < segments.count else { return arrive(index) }
            if let next = node.literals[segments[depth]] { visit(next, depth + 1) }
            if let next = node.parameter, !segments[depth].isEmpty {
                values.append(segments[depth])
                visit(next, depth + 1)
                values.removeLast()
            }
            if let next = node.rest, match == nil {
                values.append(segments[depth...].joined(separator: "/"))
                arrive(next)
                values.removeLast()
            }
        }

        private mutating func arrive(_ index: Int) {
            if let route = table.route(index, method) {
                match = RouteMatch(route: route, values: values)
            } else {
                allowed.formUnion(table.nodes[index].routes.keys.compactMap { $0 })
            }
        }
    }
}
