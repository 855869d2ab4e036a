/// What is known of a request before its body: enough to refuse it.
public struct RequestHead: Sendable {
    public let method: HTTPMethod
    public let version: HTTPVersion
    /// The request target as it arrived: printable ASCII without blanks and `#`, beginning with `/`.
    public let target: String
    public let headers: RequestHeaders
    public let peer: PeerAddress
    /// The length that the client announced, in bytes; nil without a body and for a chunked one.
    public let contentLength: Int?
    /// Whether the body comes in chunks of unannounced total length.
    public let isChunked: Bool
    /// When the request line had arrived: monotonic clock, nanoseconds since an arbitrary point.
    public let receivedAt: UInt64
    /// The same moment on the wall clock, in microseconds since 1970.
    public let receivedAtWallClock: Int64

    /// A head made by hand, for tests of handlers.
    public init(
        method: HTTPMethod, target: String, headers: RequestHeaders = RequestHeaders(), version: HTTPVersion = .http11,
        peer: PeerAddress = PeerAddress(bytes: [127, 0, 0, 1], port: 0), contentLength: Int? = nil,
        isChunked: Bool = false, receivedAt: UInt64 = 0, receivedAtWallClock: Int64 = 0
    ) {
        self.method = method
        self.version = version
        self.target = target
        self.headers = headers
        self.peer = peer
        self.contentLength = contentLength
        self.isChunked = isChunked
        self.receivedAt = receivedAt
        self.receivedAtWallClock = receivedAtWallClock
    }

    /// The target up to the first `?`, still percent-encoded.
    public var rawPath: Substring {
        target[..<(target.utf8.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex)]
    }

    /// What follows the first `?`, still encoded; nil without one.
    public var rawQuery: Substring? {
        target.utf8.firstIndex(of: UInt8(ascii: "?")).map { target[target.utf8.index(after: $0)...] }
    }

    /// The parameters of the query, parsed at each call.
    ///
    /// - Throws: 400 `malformed_query` for a bad escape, or one that decodes to a control character or to no UTF-8.
    public var query: QueryParameters {
        get throws(HTTPError) { try QueryParameters(parsing: rawQuery ?? "") }
    }

    /// Whether a body follows.
    public var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }
}
