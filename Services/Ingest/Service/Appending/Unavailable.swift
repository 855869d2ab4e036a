internal import Backbone
internal import HTTPServer

/// Our own trouble, in HTTP's words: 5xx with `Retry-After`, never 4xx, and never 2xx for what is not durable.
enum Unavailable {
    /// Seconds that a client is asked to wait.
    static let retryAfter = HTTPField("Retry-After", "1")

    static let overloaded = HTTPError(
        status: 503, code: "overloaded", message: "too many events are waiting to be stored; try again",
        headers: [retryAfter])

    static let directory = HTTPError(
        status: 503, code: "directory_unavailable",
        message: "who this request comes from cannot be looked up at the moment", headers: [retryAfter])

    static let secrets = HTTPError(
        status: 503, code: "secrets_unavailable", message: "what this request is verified with cannot be read",
        headers: [retryAfter])

    static let unknownOutcome = HTTPError(
        status: 503, code: "outcome_unknown",
        message: "the event may have been stored; send it again with the same idempotency key", headers: [retryAfter])

    static func refused(_ reason: String) -> HTTPError {
        HTTPError(
            status: 500, code: "not_storable", message: "the event log cannot hold this event: \(reason)",
            headers: [retryAfter])
    }

    static func error(for error: BackboneError) -> HTTPError {
        switch error.code {
        case .outcomeUnknown: unknownOutcome
        case .overloaded: overloaded
        case .poison: refused("its data is refused")
        case .unavailable, .notOwner, .stopped:
            HTTPError(
                status: 503, code: "log_unavailable", message: "the event log is not available; nothing was stored",
                headers: [retryAfter])
        }
    }
}
