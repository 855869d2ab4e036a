public import Observability
internal import Synchronization

/// Leads each request to its route; the handler of nearly every server.
public final class Router: RequestHandler {
    private let table: RouteTable
    private let tasks: RouteTasks
    private let log: LimitedLogger

    /// - Parameter maxTasks: routes with a `.task` handler at work or waiting for `run()`, all together; beyond that
    ///   such a request is answered with 503 and `Retry-After`.
    public init(_ table: RouteTable, logger: Logger, maxTasks: Int = 1024) {
        self.table = table
        tasks = RouteTasks(limit: maxTasks)
        log = logger.limited()
    }

    public func admit(_ head: RequestHead) -> Admission {
        let match: RouteMatch
        do throws(HTTPError) {
            switch try table.find(head.method, path: head.rawPath) {
            case .route(let found): match = found
            case .methods(let allowed) where head.method == .options:
                return .refuse(
                    Response(
                        status: 204,
                        headers: [HTTPField("Allow", allowed.map(\.rawValue).joined(separator: ", "))]))
            case .methods(let allowed): throw .methodNotAllowed(allowed: allowed)
            case .nothing: throw .notFound()
            }
        } catch {
            return .refuse(error.response())
        }
        do throws(HTTPError) {
            try match.route.options.admit?(head, match.parameters)
            try checkContentType(head, match.route.options.contentTypes)
        } catch {
            return .refuse(match.route.errorForm.render(error), match: match)
        }
        let options = match.route.options
        return .read(maxBody: options.bodyLimit?(match.parameters) ?? options.maxBody, match: match)
    }

    public func handle(_ request: Request, _ responder: Responder) {
        guard let route = request.match?.route else { preconditionFailure("a request that was not admitted here") }
        switch route.handler {
        case .immediate(let handler):
            do {
                responder.respond(try handler(request))
            } catch {
                responder.respond(failure(error, route))
            }
        case .deferred(let handler): handler(request, responder)
        case .task(let handler):
            let isTaken = tasks.submit {
                do {
                    responder.respond(try await handler(request))
                } catch {
                    responder.respond(self.failure(error, route))
                }
            }
            if !isTaken {
                responder.respond(
                    route.errorForm.render(.unavailable("too many requests are at work", code: "overloaded")))
            }
        }
    }

    public func refused(_ head: RequestHead, match: RouteMatch?, status: Int) {
        guard let match else { return }
        match.route.options.refused?(head, match.parameters, status)
    }

    public func turnEnded() {
        for action in table.turnEndedActions { action() }
    }

    public func run() async { await tasks.run() }

    private func checkContentType(_ head: RequestHead, _ accepted: [String]) throws(HTTPError) {
        guard !accepted.isEmpty, head.hasBody else { return }
        guard let type = head.headers.bytes("content-type"), MediaType.isOne(of: accepted, type) else {
            throw .unsupportedMediaType(
                "the body must be \(accepted.joined(separator: " or "))",
                headers: head.method == .patch
                    ? [HTTPField("Accept-Patch", accepted.joined(separator: ", "))]
                    : head.method == .post ? [HTTPField("Accept-Post", accepted.joined(separator: ", "))] : [])
        }
    }

    private func failure(_ error: any Error, _ route: Route) -> Response {
        if let error = error as? HTTPError { return route.errorForm.render(error) }
        if error is CancellationError {
            return route.errorForm.render(.unavailable("the server is shutting down", code: "shutting_down"))
        }
        log.error("a request failed", ["route": .string(route.pattern), "error": .describing(error)])
        return route.errorForm.render(.internalError())
    }
}
