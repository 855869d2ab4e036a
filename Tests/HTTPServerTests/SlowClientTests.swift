internal import HTTPServer
internal import TestSupport
internal import Testing

/// Clients that are slow, silent, or never read.
@Suite(.timeLimit(.minutes(1)))
struct SlowClientTests {
    /// Sends a byte at a time until the server closes, pausing between them by waiting for something to read.
    private static func drip(_ connection: RawConnection, _ text: String) throws -> RawResponse? {
        for byte in text.utf8 {
            do {
                try connection.send([byte])
            } catch {
                break
            }
            if connection.hasInput(within: 20) { break }
        }
        return try? connection.readResponse()
    }

    @Test func `a silent connection is closed`() async throws {
        try await withServer(ClosureHandler.echo, configure: { $0.headerDeadline = .milliseconds(200) }) { server in
            let isClosed = try await server.talk { $0.isClosedByServer() }
            #expect(isClosed)
        }
    }

    @Test func `a connection that stays silent after its answer is closed`() async throws {
        try await withServer(ClosureHandler.echo, configure: { $0.idleTimeout = .milliseconds(200) }) { server in
            try await server.talk { connection in
                let status = try connection.request("GET", "/").status
                #expect(status == 200)
                #expect(connection.isClosedByServer())
            }
        }
    }

    @Test func `a request line that drips is cut at the deadline although every byte restarts the idle timeout`()
        async throws
    {
        try await withServer(ClosureHandler.echo, configure: { $0.headerDeadline = .milliseconds(300) }) { server in
            let answer = try await server.talk {
                try SlowClientTests.drip($0, "GET /" + String(repeating: "a", count: 500))
            }
            #expect(answer == nil)
        }
    }

    @Test func `headers that drip are cut at the deadline with 408`() async throws {
        try await withServer(ClosureHandler.echo, configure: { $0.headerDeadline = .milliseconds(300) }) { server in
            let answer = try await server.talk { connection in
                try connection.send("GET / HTTP/1.1\r\nHost: a\r\nX: ")
                return try SlowClientTests.drip(connection, String(repeating: "a", count: 500))
            }
            #expect(answer?.status == 408)
            #expect(answer?.closes == true)
            #expect(server.metric(#"fanfare_http_refused_total{reason="deadline"}"#) == 1)
        }
    }

    @Test func `a body that drips is cut at the deadline with 408`() async throws {
        try await withServer(ClosureHandler.echo, configure: { $0.requestDeadline = .milliseconds(300) }) { server in
            let answer = try await server.talk { connection in
                try connection.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n")
                return try SlowClientTests.drip(connection, String(repeating: "a", count: 499))
            }
            #expect(answer?.status == 408)
        }
    }

    @Test func `a body that stops is cut at the deadline with 408`() async throws {
        try await withServer(ClosureHandler.echo, configure: { $0.requestDeadline = .milliseconds(300) }) { server in
            try await server.talk { connection in
                try connection.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nabc")
                #expect(try connection.readResponse().status == 408)
                #expect(connection.isClosedByServer())
            }
        }
    }

    @Test func `a refused body that never comes is cut as well`() async throws {
        let handler = ClosureHandler(admission: { _ in .read(maxBody: 10) }) { $1.respond(.text(200, "")) }
        try await withServer(handler, configure: { $0.requestDeadline = .milliseconds(300) }) { server in
            try await server.talk { connection in
                try connection.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nabc")
                #expect(try connection.readResponse().status == 413)
            }
            // The client has not closed its side.
            try await eventually("the connection is closed") { server.metric("fanfare_http_connections") == 0 }
        }
    }

    @Test func `a client that does not read its answer is cut`() async throws {
        let handler = ClosureHandler { _, responder in
            responder.respond(Response(status: 200, body: .bytes(Array(repeating: 65, count: 32 * 1024 * 1024))))
        }
        try await withServer(handler, configure: { $0.answerDeadline = .milliseconds(300) }) { server in
            let port = server.port
            let connection = try await onThread {
                let connection = try RawConnection(port: port, receiveBuffer: 4_096)
                try connection.sendRequest("GET", "/")
                return Unshared(connection)
            }
            try await eventually("the connection is closed") { server.metric("fanfare_http_connections") == 0 }
            connection.value.close()
        }
    }

    @Test func `a handler may take longer than any deadline`() async throws {
        let held = TestCollector<Responder>()
        let handler = ClosureHandler { held.append($1) }
        try await withServer(
            handler,
            configure: {
                $0.headerDeadline = .milliseconds(50)
                $0.requestDeadline = .milliseconds(50)
                $0.answerDeadline = .milliseconds(50)
                $0.idleTimeout = .milliseconds(50)
            }
        ) { server in
            async let response = server.talk { try $0.request("GET", "/") }
            let responder = await held.first(1)[0]
            // Ten idle timeouts, as the server counts them.
            try await server.sweeps(10)
            responder.respond(.text(200, "late"))
            #expect(try await response.text == "late")
        }
    }
}

/// A value that is handed from one thread to the next, never used by two at a time.
struct Unshared<Value>: @unchecked Sendable {
    // Invariant: whoever holds this is the only one to touch the value; the tests hand it on by `await`.
    let value: Value

    init(_ value: Value) { self.value = value }
}

extension TestServer {
    /// Waits until the server has closed `count` silent connections one after the other, each by its idle deadline.
    func sweeps(_ count: Int) async throws {
        for _ in 0..<count { #expect(try await talk { $0.isClosedByServer() }) }
    }
}
