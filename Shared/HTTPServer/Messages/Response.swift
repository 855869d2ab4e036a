/// A header field of an answer.
public struct HTTPField: Sendable, Hashable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// An answer: status, headers, and a body of one of three kinds.
///
/// The server adds `Date`, `Content-Length` or `Transfer-Encoding`, and `Connection`; an answer must not have them.
/// An answer to HEAD is cut after its head, and one with status 204 or 304 has no body, whatever it was made with.
public struct Response: Sendable {
    public enum Body: Sendable {
        case empty
        case bytes([UInt8])
        /// Bytes that come later; see `ResponseStream`.
        case stream(ResponseStream)
    }

    /// 200–599.
    public var status: Int
    public var headers: [HTTPField]
    public var body: Body
    /// Whether the connection is to be closed after this answer.
    public var closesConnection = false

    public init(status: Int, headers: [HTTPField] = [], body: Body = .empty) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// An answer with `Content-Type: application/json`.
    public static func json(_ status: Int = 200, _ bytes: [UInt8], headers: [HTTPField] = []) -> Response {
        Response(status: status, headers: [jsonType] + headers, body: .bytes(bytes))
    }

    /// An answer with `Content-Type: application/json` from JSON text.
    public static func json(_ status: Int = 200, text: String, headers: [HTTPField] = []) -> Response {
        json(status, Array(text.utf8), headers: headers)
    }

    /// Plain text in UTF-8.
    public static func text(_ status: Int = 200, _ text: String, headers: [HTTPField] = []) -> Response {
        Response(
            status: status, headers: [HTTPField("Content-Type", "text/plain; charset=utf-8")] + headers,
            body: .bytes(Array(text.utf8)))
    }

    /// A stream of server-sent events (WHATWG HTML §9.2): never cached, and buffered by no proxy that knows nginx's header.
    public static func events(_ stream: ResponseStream, headers: [HTTPField] = []) -> Response {
        Response(
            status: 200,
            headers: [
                HTTPField("Content-Type", "text/event-stream"), HTTPField("Cache-Control", "no-store"),
                HTTPField("X-Accel-Buffering", "no"),
            ] + headers, body: .stream(stream))
    }

    private static let jsonType = HTTPField("Content-Type", "application/json")
}
