/// What went wrong with a request, as the client is told; turns itself into an answer.
///
/// The text is for the caller's developer: it never quotes a payload, a secret or a token.
///
/// ```swift
/// throw HTTPError.badRequest("invalid_limit", "limit is 1 to 1000", param: "limit")
/// ```
public struct HTTPError: Error, Sendable, Hashable {
    /// 400–599.
    public var status: Int
    /// A stable identifier in lower case, `payload_too_large`.
    public var code: String
    /// A sentence for a person.
    public var message: String
    /// The field, header or query parameter at fault.
    public var param: String?
    /// Headers of the answer, `Retry-After` for one.
    public var headers: [HTTPField]
    /// More members of the error object, each a string: `oldest_cursor` for one.
    public var extras: [HTTPField]

    public init(
        status: Int, code: String, message: String, param: String? = nil, headers: [HTTPField] = [],
        extras: [HTTPField] = []
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.headers = headers
        self.extras = extras
    }

    /// The answer in the platform's form, `{"error":{"code","message","param"}}`.
    public func response() -> Response { ErrorForm.standard.render(self) }
}

extension HTTPError {
    public static func badRequest(_ code: String, _ message: String, param: String? = nil) -> HTTPError {
        HTTPError(status: 400, code: code, message: message, param: param)
    }

    /// 401 with `WWW-Authenticate: Bearer`.
    public static func unauthorized(_ message: String = "a valid token is needed") -> HTTPError {
        HTTPError(
            status: 401, code: "unauthorized", message: message, headers: [HTTPField("WWW-Authenticate", "Bearer")])
    }

    public static func forbidden(_ message: String) -> HTTPError {
        HTTPError(status: 403, code: "forbidden", message: message)
    }

    public static func notFound(_ message: String = "there is nothing at this path") -> HTTPError {
        HTTPError(status: 404, code: "not_found", message: message)
    }

    /// 405 with `Allow`.
    public static func methodNotAllowed(allowed: [HTTPMethod]) -> HTTPError {
        HTTPError(
            status: 405, code: "method_not_allowed", message: "this path does not take that method",
            headers: [HTTPField("Allow", allowed.map(\.rawValue).joined(separator: ", "))])
    }

    /// 413; `limit` in bytes.
    public static func payloadTooLarge(limit: Int) -> HTTPError {
        HTTPError(status: 413, code: "payload_too_large", message: "the body is longer than \(limit) bytes")
    }

    public static func unsupportedMediaType(_ message: String, headers: [HTTPField] = []) -> HTTPError {
        HTTPError(status: 415, code: "unsupported_media_type", message: message, headers: headers)
    }

    /// 421: another process serves this path; the message names it.
    public static func misdirected(_ message: String) -> HTTPError {
        HTTPError(status: 421, code: "misdirected_request", message: message)
    }

    /// 429 with `Retry-After` in seconds.
    public static func tooManyRequests(retryAfterSeconds: Int, _ message: String = "too many requests") -> HTTPError {
        HTTPError(
            status: 429, code: "rate_limited", message: message,
            headers: [HTTPField("Retry-After", String(retryAfterSeconds))])
    }

    public static func internalError(_ message: String = "the request failed; it is our fault") -> HTTPError {
        HTTPError(status: 500, code: "internal_error", message: message)
    }

    /// 503 with `Retry-After` in seconds.
    public static func unavailable(
        _ message: String, code: String = "unavailable", retryAfterSeconds: Int = 1
    ) -> HTTPError {
        HTTPError(
            status: 503, code: code, message: message, headers: [HTTPField("Retry-After", String(retryAfterSeconds))])
    }
}
