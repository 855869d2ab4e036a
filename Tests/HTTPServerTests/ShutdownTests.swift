internal import HTTPServer
internal import Observability
internal import TestSupport
internal import Testing

/// The end: in order, in time, and with connections in every state.
@Suite(.timeLimit(.minutes(1)))
struct ShutdownTests {
    @Test func `while draining, answers close their connections and new ones are still taken`() async throws {
        try await withServer(ClosureHandler.echo) { server in
            try await server.talk { connection in
                #expect(try !connection.request("GET", "/").closes)
                server.server.beginDrain()
                var response = try connection.request("GET", "/")
                // The order is on its way to the loop.
                while !response.closes { response = try connection.request("GET", "/") }
                #expect(connection.isClosedByServer())
            }
            #expect(try await server.talk { try $0.request("GET", "/").closes })
        }
    }

    @Test func `shutdown waits for requests in flight and closes idle connections`() async throws {
        let held = TestCollector<Responder>()
        try await withServer(ClosureHandler { held.append($1) }) { server in
            let idle = try await server.talk { Unshared($0) }
            async let response = server.talk { try $0.request("GET", "/") }
            let responder = await held.first(1)[0]
            async let done: Void = server.server.shutdown(deadline: .seconds(30))
            // The idle one is closed first, and nobody listens any more.
            #expect(try await onThread { idle.value.isClosedByServer() })
            await #expect(throws: RawHTTPError.self) { try await server.talk { try $0.request("GET", "/").status } }
            responder.respond(.text(200, "in time"))
            let answer = try await response
            #expect(answer.text == "in time")
            #expect(answer.closes)
            await done
        }
    }

    @Test func `what is not answered by the deadline is cut`() async throws {
        let held = TestCollector<Responder>()
        let left = TestCollector<String>()
        let handler = ClosureHandler { _, responder in
            responder.onDisconnect { left.append("cut") }
            held.append(responder)
        }
        try await withServer(handler) { server in
            async let closed = server.talk { connection in
                try connection.sendRequest("GET", "/")
                return connection.isClosedByServer()
            }
            let responder = await held.first(1)[0]
            await server.server.shutdown(deadline: .milliseconds(50))
            let isClosed = try await closed
            #expect(isClosed)
            #expect(left.values == ["cut"])
            responder.respond(.text(200, "too late"))
        }
    }

    @Test func `streams are ended, and what was pushed before arrives`() async throws {
        let opened = TestCollector<ResponseStream>()
        let closed = TestCollector<String>()
        let handler = ClosureHandler { _, responder in
            let stream = ResponseStream(onClose: { closed.append("closed") })
            responder.respond(.events(stream))
            opened.append(stream)
        }
        try await withServer(handler) { server in
            async let text = server.talk { try $0.request("GET", "/").text }
            let stream = await opened.first(1)[0]
            stream.push(Array("data: last\n\n".utf8))
            await server.server.shutdown(deadline: .seconds(30))
            let received = try await text
            #expect(received == "data: last\n\n")
            #expect(closed.values == ["closed"])
        }
    }

    @Test func `connections in every state are closed at once when there is no time`() async throws {
        let held = TestCollector<Responder>()
        let handler = ClosureHandler { request, responder in
            if request.head.target == "/stream" { responder.respond(.events(ResponseStream())) }
            held.append(responder)
        }
        try await withServer(handler) { server in
            let port = server.port
            let connections = try await onThread {
                try [
                    "", "GET /par", "GET / HTTP/1.1\r\nHost: a\r\nX:",
                    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
                    "GET /held HTTP/1.1\r\nHost: a\r\n\r\n", "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n",
                    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\nabc",
                    "GET /held HTTP/1.1\r\nHost: a\r\n\r\nGET /pipelined HTTP/1.1\r\nHost: a\r\n\r\n",
                ].map { text in
                    let connection = try RawConnection(port: port)
                    try connection.send(text)
                    return Unshared(connection)
                }
            }
            _ = await held.first(3)
            await server.server.shutdown(deadline: .zero)
            try await onThread {
                for connection in connections { _ = try? connection.value.readToEnd() }
            }
            #expect(server.metric("fanfare_http_connections") == 0)
        }
    }

    @Test func `cancelling run ends the server`() async throws {
        let held = TestCollector<Responder>()
        let server = HTTPServer(
            configuration: HTTPServerConfiguration(), handler: ClosureHandler { held.append($1) },
            logger: Logger(service: "test", sink: CapturingLogSink()))
        let port = try server.start()
        let run = Task { await server.run() }
        async let closed = onThread {
            let connection = try RawConnection(port: port)
            try connection.sendRequest("GET", "/")
            return connection.isClosedByServer()
        }
        _ = await held.first(1)
        run.cancel()
        await run.value
        #expect(try await closed)
    }

    @Test func `a port in use and a bad setting are told, and a server starts once`() async throws {
        try await withServer(ClosureHandler.echo) { server in
            var configuration = HTTPServerConfiguration()
            configuration.port = server.port
            let logger = Logger(service: "test", sink: CapturingLogSink())
            let second = HTTPServer(configuration: configuration, handler: ClosureHandler.echo, logger: logger)
            let error = #expect(throws: HTTPServerError.self) { try second.start() }
            #expect(error?.code == .listen)
            #expect(error?.message.contains("\(server.port)") == true)
            #expect(throws: HTTPServerError.self) { try server.server.start() }
            configuration.address = "localhost"
            let third = HTTPServer(configuration: configuration, handler: ClosureHandler.echo, logger: logger)
            #expect(#expect(throws: HTTPServerError.self) { try third.start() }?.code == .configuration)
            await second.shutdown(deadline: .zero)
        }
    }

    @Test(arguments: ["127.0.0.1", "0.0.0.0", "::"])
    func `several loops share one port, on any address`(address: String) async throws {
        let handler = ClosureHandler { request, responder in responder.respond(.text(200, "\(request.head.peer)")) }
        try await withServer(
            handler,
            configure: {
                $0.address = address
                $0.loops = 3
            }
        ) { server in
            for _ in 0..<20 {
                let peer = try await server.talk { try $0.request("GET", "/").text }
                #expect(peer == "127.0.0.1")
            }
        }
    }
}
