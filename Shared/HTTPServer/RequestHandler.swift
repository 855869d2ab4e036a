/// What becomes of a request, decided from its head alone.
public enum Admission: Sendable {
    /// Read the body, at most `maxBody` bytes, and call `handle`; a longer one is answered with 413. `match` travels
    /// with the request and names its route in the metrics.
    case read(maxBody: Int, match: RouteMatch? = nil)
    /// Answer now; `handle` is not called. `match` names the route in the metrics.
    case refuse(Response, match: RouteMatch? = nil)
}

/// What the server calls for each request, always on a loop thread: nothing here may block.
///
/// `Router` is the usual one.
public protocol RequestHandler: Sendable {
    /// Called once the head of a request is there and found well-formed, before any of its body.
    func admit(_ head: RequestHead) -> Admission

    /// Called with the whole request. The answer may be given before this returns, which is cheapest, or later from
    /// any thread.
    func handle(_ request: Request, _ responder: Responder)

    /// Called when the server itself refuses a request that was admitted: for its body's length, its coding, or because it
    /// took too long. `handle` is not called then; the answer is on its way.
    func refused(_ head: RequestHead, match: RouteMatch?, status: Int)

    /// Called once after each turn of a loop in which `handle` was called: what was gathered can be handed over as
    /// one batch.
    func turnEnded()

    /// Work of the handler's own; runs inside `HTTPServer.run()` and is cancelled once all connections are closed.
    func run() async
}

extension RequestHandler {
    public func turnEnded() {}
    public func refused(_ head: RequestHead, match: RouteMatch?, status: Int) {}
    public func run() async {}
}
