/// What an HTTP server listens on and what it bears.
public struct HTTPServerConfiguration: Sendable {
    /// A numeric address; `::` takes IPv4 as well.
    public var address = "127.0.0.1"
    /// 0 takes a free port; `start()` tells which.
    public var port: UInt16 = 0
    /// Loop threads `http-0`, `http-1`, …; 1–64. One takes 190 000 small POSTs a second on a whole core.
    public var loops = 1
    /// Open connections of a loop; more wait in the backlog.
    public var maxConnections = 10_000
    /// Memory of a connection in bytes, 4 KiB–1 MiB; what a connection that has sent a request keeps while it is open. Half of
    /// it is for the head of a request. 16 KiB suits most; 8 KiB where thousands of streams stay open.
    public var poolBytes = 16 * 1024
    /// The head of a request in bytes, first line included; at most half the pool. A longer one is 431, a longer target 414.
    public var maxHeaderBytes = 8 * 1024
    /// Header fields of a request; more are 431.
    public var maxHeaderCount = 64
    /// How long a connection may stay silent between requests, and how long a client may take none of an answer.
    public var idleTimeout = Duration.seconds(60)
    /// From the opening of a connection, or the request line on an open one, to the end of the head.
    public var headerDeadline = Duration.seconds(10)
    /// From the opening of a connection, or the request line on an open one, to the end of the body.
    public var requestDeadline = Duration.seconds(30)
    /// How long the sending of an answer may take; streams are exempt.
    public var answerDeadline = Duration.seconds(60)
    /// Bytes of bodies in arrival, all connections of a loop together; beyond that requests with a body get 503, and
    /// beyond twice that so do those whose body is under way.
    public var maxBufferedBytes = 64 * 1024 * 1024
    /// A refused request's body up to this length, in bytes, is read and dropped, so that its connection can be kept.
    public var maxDiscardedBytes = 64 * 1024
    /// Connections that wait to be accepted.
    public var backlog = 1024
    /// What the loop threads are called, followed by `-0`, `-1`, …; at most 12 bytes.
    public var threadName = "http"

    public init() {}

    /// - Throws: `.configuration`, naming the setting that is out of range.
    func validate() throws(HTTPServerError) {
        func check(_ holds: Bool, _ message: String) throws(HTTPServerError) {
            guard holds else { throw HTTPServerError(.configuration, message) }
        }
        try check(1...64 ~= loops, "loops is 1 to 64")
        try check(1...1_000_000 ~= maxConnections, "maxConnections is 1 to 1000000")
        try check(4_096...1_048_576 ~= poolBytes, "poolBytes is 4 KiB to 1 MiB")
        try check(256...poolBytes / 2 ~= maxHeaderBytes, "maxHeaderBytes is 256 to half of poolBytes")
        try check(maxHeaderCount > 0, "maxHeaderCount is at least 1")
        try check(
            [idleTimeout, headerDeadline, requestDeadline, answerDeadline].allSatisfy { $0 > .zero },
            "deadlines are longer than nothing")
        try check(maxBufferedBytes >= 0 && maxDiscardedBytes >= 0, "limits in bytes are not negative")
        try check(threadName.utf8.count <= 12, "threadName has at most 12 bytes")
    }
}
