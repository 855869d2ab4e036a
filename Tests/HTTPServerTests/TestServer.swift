internal import HTTPServer
internal import Observability
internal import Synchronization
internal import TestSupport

/// A handler made of two closures.
struct ClosureHandler: RequestHandler {
    var admission: @Sendable (RequestHead) -> Admission = { _ in .read(maxBody: 1024 * 1024) }
    var turn: @Sendable () -> Void = {}
    let handling: @Sendable (Request, Responder) -> Void

    func admit(_ head: RequestHead) -> Admission { admission(head) }
    func handle(_ request: Request, _ responder: Responder) { handling(request, responder) }
    func turnEnded() { turn() }

    /// Answers with the method, the target and the body.
    static let echo = ClosureHandler { request, responder in
        responder.respond(
            .text(
                200,
                "\(request.method.rawValue) \(request.head.target) \(String(decoding: request.body, as: UTF8.self))"))
    }
}

/// A server on a free port, for the length of `body`.
struct TestServer: Sendable {
    let server: HTTPServer
    let port: UInt16
    let metrics: MetricsRegistry
    let log: CapturingLogSink

    /// Talks to the server on a thread of its own.
    func talk<Value: Sendable>(_ body: @escaping @Sendable (RawConnection) throws -> Value) async throws -> Value {
        let port = port
        return try await onThread { try body(try RawConnection(port: port)) }
    }

    /// Sends raw text on a new connection, and reads until the server closes it.
    func exchange(_ text: String) async throws -> String {
        try await talk { connection in
            try connection.send(text)
            return String(decoding: try connection.readToEnd(), as: UTF8.self)
        }
    }

    func metric(_ name: String) -> Double? {
        var bytes: [UInt8] = []
        metrics.render(into: &bytes)
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix(name + " ") }
            .flatMap { Double($0.dropFirst(name.count + 1)) }
    }
}

func withServer<Value>(
    _ handler: any RequestHandler, configure: (inout HTTPServerConfiguration) -> Void = { _ in },
    _ body: (TestServer) async throws -> Value
) async throws -> Value {
    var configuration = HTTPServerConfiguration()
    configure(&configuration)
    let metrics = MetricsRegistry()
    let log = CapturingLogSink()
    let server = HTTPServer(
        configuration: configuration, handler: handler, logger: Logger(service: "test", sink: log), metrics: metrics)
    let port = try server.start()
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await server.run() }
        do {
            let value = try await body(TestServer(server: server, port: port, metrics: metrics, log: log))
            await server.shutdown(deadline: .seconds(1))
            return value
        } catch {
            await server.shutdown(deadline: .zero)
            throw error
        }
    }
}
