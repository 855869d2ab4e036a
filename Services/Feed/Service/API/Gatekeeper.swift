internal import Database
internal import EventCodec
internal import HTTPServer
internal import Observability
internal import Signing
internal import Store

/// Judges who calls, runs the route's handler, and turns whatever it throws into an answer.
struct Gatekeeper: Sendable {
    let directory: Directory
    let log: LimitedLogger

    /// Adds a route whose handler runs only for a bearer that may use it.
    func add(_ route: APIRoute, to table: inout RouteTable) {
        let options = RouteOptions(
            maxBody: route.maxBody, contentTypes: route.contentTypes,
            admit: { head, _ throws(HTTPError) in
                // Before the body is read: without the form of a token there is nothing to look up.
                _ = try Gatekeeper.token(of: head)
            })
        table.add(
            route.method, route.pattern, options: options,
            .task { request in
                let version = try APIVersion.requested(request.head)
                var response = try await answer(request, route)
                if let version { response.headers.append(HTTPField(APIVersion.header, version)) }
                return response
            })
    }

    private func answer(_ request: Request, _ route: APIRoute) async throws -> Response {
        let bearer = try await bearer(of: request)
        guard route.access.allows(bearer) else { throw HTTPError.forbidden("this needs \(route.access.need)") }
        do {
            let call = APICall(request: request, bearer: bearer, query: try request.head.query)
            return try await route.handler(call)
        } catch let error as JSONFieldError {
            throw HTTPError.badRequest(error.code.rawValue, error.message, param: error.param)
        } catch let error as DatabaseError {
            throw answer(to: error, route)
        }
    }

    /// Who calls, from memory or by one statement.
    private func bearer(of request: Request) async throws(HTTPError) -> Bearer {
        switch await directory.authenticate(try Gatekeeper.token(of: request.head).text) {
        case .known(let bearer): return bearer
        case .unknown: throw .unauthorized("the token is not known, has expired or was revoked")
        case .undecided: throw .storeUnavailable
        }
    }

    /// The token in the Authorization header (RFC 6750 §2.1).
    private static func token(of head: RequestHead) throws(HTTPError) -> AccessToken {
        let values = head.headers.values("authorization")
        guard let value = values.first, values.count == 1 else {
            throw .unauthorized("an Authorization header with a bearer token is needed")
        }
        let parts = value.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
        guard parts.count == 2, parts[0].lowercased() == "bearer", let token = AccessToken(String(parts[1])) else {
            throw .unauthorized("the Authorization header holds no bearer token of this installation")
        }
        return token
    }

    private func answer(to error: DatabaseError, _ route: APIRoute) -> HTTPError {
        if error.outcomeUnknown {
            log.warning("outcome-unknown", ["route": .string(route.pattern), "reason": .describing(error)])
            return .unavailable("the database was lost in mid-request: look whether it was carried out")
        }
        if error.isRetryable || error.code == .closed { return .storeUnavailable }
        log.error("a statement failed", ["route": .string(route.pattern), "reason": .describing(error)])
        return .internalError()
    }
}

extension HTTPError {
    /// Postgres is away or too slow.
    static var storeUnavailable: HTTPError { .unavailable("the database cannot be reached; try again") }
}
