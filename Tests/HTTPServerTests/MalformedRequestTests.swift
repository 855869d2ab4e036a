internal import HTTPServer
internal import Synchronization
internal import TestSupport
internal import Testing

/// Requests that two parties could read differently, or that no party should read.
@Suite(.timeLimit(.minutes(1)))
struct MalformedRequestTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let request: String
        var status = 400
        var testDescription: String { name }
    }

    /// A second request that follows the bad one in the same packet: it must never be served.
    static let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

    static let refusedByUs: [Case] = [
        Case(
            name: "Transfer-Encoding and Content-Length",
            request: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
        Case(
            name: "Content-Length and Transfer-Encoding",
            request: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        Case(
            name: "two Content-Lengths",
            request: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
        Case(
            name: "two equal Content-Lengths",
            request: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab"),
        Case(
            name: "two Transfer-Encodings",
            request:
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        Case(name: "xchunked", request: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        Case(name: "identity", request: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\nab"),
        Case(
            name: "gzip, chunked",
            request: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        Case(name: "empty Transfer-Encoding", request: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n"),
        Case(
            name: "chunked on HTTP/1.0",
            request: "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        Case(
            name: "a control character in a name",
            request: "POST / HTTP/1.1\r\nHost: a\r\nX\u{1}Y: 1\r\nContent-Length: 0\r\n\r\n"),
        Case(name: "a name in quotes", request: "GET / HTTP/1.1\r\nHost: a\r\n\"X\": 1\r\n\r\n"),
        Case(name: "a name with a bracket", request: "GET / HTTP/1.1\r\nHost: a\r\nX[0]: 1\r\n\r\n"),
        Case(name: "a length by folding", request: "POST / HTTP/1.1\r\nHost: a\r\nContent-: 2\r\n Length\r\n\r\nab"),
        Case(name: "a fold into the blanks", request: "GET / HTTP/1.1\r\nHost: a\r\nX:   1\r\n abc\r\n\r\n"),
        Case(name: "NUL in a value", request: "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"),
        Case(name: "NULs at the end of a value", request: "GET / HTTP/1.1\r\nHost: a\r\nX: a\0\0\r\n\r\n"),
        Case(name: "NUL in the last value", request: "GET / HTTP/1.1\r\nHost: a\0\r\n\r\n"),
        Case(name: "NUL in the target", request: "GET /\0evil HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case(name: "NUL in the method", request: "GET\0X / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case(name: "two blanks before the target", request: "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case(name: "bare line feeds", request: "GET / HTTP/1.1\nHost: a\n\n"),
        Case(name: "a bare line feed after the first line", request: "GET / HTTP/1.1\nHost: a\r\n\r\n"),
        Case(name: "a bare line feed after a header", request: "GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n"),
        Case(name: "a bare line feed for a blank line", request: "GET / HTTP/1.1\r\nHost: a\r\n\n"),
        Case(name: "a bare CR in a value", request: "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"),
        Case(name: "a folded line", request: "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n"),
        Case(name: "a folded length", request: "POST / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\tContent-Length: 2\r\n\r\nab"),
        Case(name: "a control character in a value", request: "GET / HTTP/1.1\r\nHost: a\r\nX: a\u{8}b\r\n\r\n"),
        Case(name: "DEL in a value", request: "GET / HTTP/1.1\r\nHost: a\r\nX: a\u{7F}b\r\n\r\n"),
        Case(name: "no Host", request: "GET / HTTP/1.1\r\nX: a\r\n\r\n"),
        Case(name: "no Host on HTTP/1.0", request: "GET / HTTP/1.0\r\n\r\n"),
        Case(name: "two Hosts", request: "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        Case(name: "an empty Host", request: "GET / HTTP/1.1\r\nHost:  \r\n\r\n"),
        Case(name: "the absolute form", request: "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case(name: "CONNECT", request: "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case(name: "the asterisk form", request: "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case(name: "a target without a slash", request: "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case(name: "a fragment", request: "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case(name: "a control character in the target", request: "GET /a\u{1}b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case(name: "DEL in the target", request: "GET /a\u{7F} HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case(name: "letters beyond ASCII in the target", request: "GET /ä HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case(name: "a blank in the target", request: "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case(name: "a method that is no token", request: "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case(name: "a method in lower case", request: "get / HTTP/1.1\r\nHost: a\r\n\r\n", status: 501),
        Case(name: "an unknown method", request: "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", status: 501),
        Case(name: "TRACE", request: "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", status: 501),
        Case(name: "HTTP/1.2", request: "GET / HTTP/1.2\r\nHost: a\r\n\r\n", status: 505),
    ]

    @Test(arguments: refusedByUs)
    func `is refused cleanly, and nothing after it is served`(test: Case) async throws {
        let served = Mutex<[String]>([])
        let handler = ClosureHandler { request, responder in
            served.withLock { $0.append(request.head.target) }
            responder.respond(.text(200, "served"))
        }
        try await withServer(handler) { server in
            try await server.talk { connection in
                try connection.send(test.request + MalformedRequestTests.smuggled)
                let response = try connection.readResponse()
                #expect(response.status == test.status)
                #expect(response["Content-Type"] == "application/json")
                #expect(response.text.hasPrefix(#"{"error":{"code":""#))
                #expect(response.closes)
                #expect(connection.isClosedByServer())
            }
            #expect(server.metric(#"fanfare_http_refused_total{reason="malformed"}"#) == 1)
        }
        #expect(served.withLock { $0 } == [])
    }

    /// The library refuses these itself, with a page of its own.
    static let refusedByLibrary: [Case] = [
        Case(name: "CL +3", request: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc"),
        Case(name: "CL -3", request: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc"),
        Case(name: "CL 0x3", request: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc"),
        Case(name: "CL 3, 3", request: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc"),
        Case(name: "CL empty", request: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nabc"),
        Case(
            name: "CL beyond 64 bits",
            request: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\nabc", status: 413),
        Case(
            name: "a space before the colon",
            request: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc"),
        Case(name: "a name with a tab", request: "GET / HTTP/1.1\r\nHost: a\r\nX\tY: 1\r\n\r\n"),
        Case(name: "NUL in a name", request: "GET / HTTP/1.1\r\nHost: a\r\nX\0: a\r\n\r\n"),
        Case(name: "no colon", request: "GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n"),
        Case(
            name: "a chunk size that is no number",
            request: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n"),
        Case(
            name: "a negative chunk size",
            request: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nab\r\n0\r\n\r\n"),
        Case(
            name: "a chunk size beyond 64 bits",
            request:
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000001\r\nab\r\n0\r\n\r\n",
            status: 413),
        Case(
            name: "chunk data without its end",
            request: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n"),
        Case(name: "nonsense for a first line", request: "nonsense\r\n\r\n"),
    ]

    @Test(arguments: refusedByLibrary)
    func `is refused by the library, and nothing after it is served`(test: Case) async throws {
        let served = Mutex<[String]>([])
        let handler = ClosureHandler { request, responder in
            served.withLock { $0.append(request.head.target) }
            responder.respond(.text(200, "served"))
        }
        try await withServer(handler) { server in
            let answer = try await server.exchange(test.request + MalformedRequestTests.smuggled)
            #expect(answer.hasPrefix("HTTP/1.1 \(test.status) ") || answer.isEmpty, "\(answer)")
            #expect(!answer.contains("served"))
        }
        #expect(served.withLock { $0 } == [])
    }

    @Test func `bytes beyond ASCII in a value are passed on`() async throws {
        let handler = ClosureHandler { request, responder in
            responder.respond(.text(200, request.headers["x"] ?? ""))
        }
        try await withServer(handler) { server in
            let text = try await server.talk { try $0.request("GET", "/", headers: [("X", "  grün\t ")]).text }
            #expect(text == "grün")
        }
    }

    @Test func `random bytes neither crash nor hang the server`() async throws {
        var generator = SeededGenerator(seed: 20_261_121)
        let alphabet = Array(
            "GET POST / HTTP/1.1\r\nHost:a Content-Length: Transfer-Encoding:chunked\0\u{1}#%;,09afx-".utf8)
        let inputs = (0..<300).map { _ in
            let length = Int.random(in: 1...400, using: &generator)
            return "POST / HTTP/1.1\r\nHost: a\r\n".utf8.prefix(Int.random(in: 0...26, using: &generator))
                + (0..<length).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
        }
        // A FIN that comes together with bytes is not noticed by the library: the deadline closes those.
        try await withServer(ClosureHandler.echo, configure: { $0.headerDeadline = .milliseconds(100) }) { server in
            let port = server.port
            try await onThread {
                for input in inputs {
                    let connection = try RawConnection(port: port)
                    do {
                        try connection.send(Array(input))
                        connection.endSending()
                        _ = try connection.readToEnd()
                    } catch is RawHTTPError {
                        // Closed on us, which is an answer as well.
                    }
                }
            }
            #expect(try await server.talk { try $0.request("GET", "/").status } == 200)
        }
    }
}
