internal import HTTPServer
internal import TestSupport
internal import Testing

/// Ordinary requests and answers.
@Suite(.timeLimit(.minutes(1)))
struct ExchangeTests {
    @Test func `a GET is answered and its connection is kept`() async throws {
        try await withServer(ClosureHandler.echo) { server in
            try await server.talk { connection in
                for number in 0..<3 {
                    let response = try connection.request("GET", "/a?n=\(number)")
                    #expect(response.status == 200)
                    #expect(response.text == "GET /a?n=\(number) ")
                    #expect(response["Date"] != nil)
                    #expect(!response.closes)
                }
            }
        }
    }

    @Test(arguments: [0, 1, 600, 8_191, 8_192, 16_384, 100_000, 1_048_576])
    func `a body arrives whole`(length: Int) async throws {
        let handler = ClosureHandler { request, responder in
            let sum = request.body.reduce(UInt64(7)) { ($0 &* 31) &+ UInt64($1) }
            responder.respond(.text(200, "\(request.body.count) \(sum)"))
        }
        try await withServer(handler) { server in
            var generator = SeededGenerator(seed: UInt64(length))
            let body = generator.bytes(length)
            let sum = body.reduce(UInt64(7)) { ($0 &* 31) &+ UInt64($1) }
            try await server.talk { connection in
                #expect(try connection.request("POST", "/", body: body).text == "\(length) \(sum)")
                // In chunks of odd sizes, with an extension and a trailer.
                try connection.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
                var rest = body[...]
                while !rest.isEmpty {
                    let piece = rest.prefix(7_777)
                    rest = rest.dropFirst(piece.count)
                    try connection.send(Array("0\(String(piece.count, radix: 16));x=y\r\n".utf8) + piece + [13, 10])
                }
                try connection.send("0\r\nTrailer: ignored\r\n\r\n")
                #expect(try connection.readResponse().text == "\(length) \(sum)")
            }
        }
    }
}
