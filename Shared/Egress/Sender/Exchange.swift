/// One request and what is wanted of its answer.
public struct Exchange: Sendable {
    public enum Method: String, Sendable {
        case post = "POST"
        case get = "GET"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
        case head = "HEAD"
    }

    /// What a caller may send an exchange under, such as a partition that it owns.
    public struct Claim: Sendable, Hashable {
        public var part: Int
        public var epoch: Int64

        public init(part: Int = 0, epoch: Int64 = 0) {
            self.part = part
            self.epoch = epoch
        }
    }

    /// What is read of an answer, and what is kept of it.
    public struct Limits: Sendable {
        /// Status lines and headers, in bytes; more is `tooLarge`.
        public var headerBytes: Int32 = 16 * 1024
        /// The body; more is `tooLarge` and closes the connection.
        public var bodyBytes: Int32 = 64 * 1024
        /// How much of the body is kept.
        public var keptBytes: Int32 = 4 * 1024
        /// How much of it is kept of a 2xx answer.
        public var keptBytesOnSuccess: Int32 = 256

        public init() {}

        /// Keeps the whole body, up to `bytes`.
        public static func wholeBody(upTo bytes: Int) -> Limits {
            var limits = Limits()
            limits.bodyBytes = Int32(clamping: bytes)
            limits.keptBytes = limits.bodyBytes
            limits.keptBytesOnSuccess = limits.bodyBytes
            return limits
        }
    }

    /// The caller's: comes back in the result.
    public var token: UInt64
    /// The caller's: under what claim this is sent, for `HTTPSender`'s `maySend`.
    public var claim = Claim()
    public var target: TargetURL
    public var method: Method
    public var headers: HeaderBlock
    public var body: [UInt8]
    /// The whole exchange in milliseconds, look-up and reading included; 0: without end.
    public var timeoutMilliseconds: Int32
    public var limits: Limits
    public var tls: TLSOptions?
    /// Takes the pieces of the body as they come, with the answer's status, on the sender's thread, which must not be
    /// blocked; then nothing is kept and `limits.bodyBytes` does not count.
    public var onBody: (@Sendable (_ status: Int, _ piece: [UInt8]) -> Void)?

    public init(
        token: UInt64, target: TargetURL, method: Method = .post, headers: HeaderBlock = HeaderBlock(),
        body: [UInt8] = [],
        timeoutMilliseconds: Int32 = 10_000, limits: Limits = Limits(), tls: TLSOptions? = nil
    ) {
        self.token = token
        self.target = target
        self.method = method
        self.headers = headers
        self.body = body
        self.timeoutMilliseconds = timeoutMilliseconds
        self.limits = limits
        self.tls = tls
        self.onBody = nil
    }
}
