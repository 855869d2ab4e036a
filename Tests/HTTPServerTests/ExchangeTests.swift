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

    /// Well-formed requests in pieces that cut every token, over grown buffers and pipelines: the strict reading of the
    /// head must not refuse one of them.
    @Test(arguments: [4 * 1024, 8 * 1024, 16 * 1024], 0..<2)
    func `well-formed requests pass however they are cut`(pool: Int, seed: Int) async throws {
        var generator = SeededGenerator(seed: UInt64(pool + seed))
        let blanks = ["", " ", "  ", "\t", " \t "]
        let wire = (0..<400).map { number -> (request: [UInt8], sum: Int) in
            var text = "POST /r\(number)?q=%20a+b&c=\(number) HTTP/1.1\r\n"
            var sum = 0
            var headers = ["Host:a"]
            let limit = pool / 4
            while text.utf8.count + headers.joined().utf8.count < Int.random(in: 0..<limit, using: &generator) {
                let length = Int.random(in: 0..<60, using: &generator)
                sum += length
                let (before, after) = (
                    blanks.randomElement(using: &generator) ?? "", blanks.randomElement(using: &generator) ?? ""
                )
                headers.append(
                    "X-\(headers.count):\(before)\(String(repeating: "v", count: length))\(length == 0 ? "" : after)")
            }
            headers.insert("Cookie: a=b; c=\"d\"", at: headers.indices.randomElement(using: &generator) ?? 0)
            let body = generator.bytes(Int.random(in: 0..<300, using: &generator))
            headers.append("Content-Length:\(body.count)")
            text += headers.map { $0 + "\r\n" }.joined() + "\r\n"
            return (Array(text.utf8) + body, sum)
        }
        let handler = ClosureHandler { request, responder in
            let sum = request.headers.all.filter { $0.name.hasPrefix("x-") }.reduce(0) { $0 + $1.value.utf8.count }
            responder.respond(.text(200, "\(request.head.rawPath) \(sum)"))
        }
        var cuts: [Int] = []
        let all = wire.flatMap(\.request)
        while cuts.last ?? 0 < all.count {
            cuts.append(
                min(
                    all.count,
                    (cuts.last ?? 0)
                        + Int.random(in: 1...(Bool.random(using: &generator) ? 40 : 4_000), using: &generator)))
        }
        let pieces = zip([0] + cuts, cuts).map { Array(all[$0..<$1]) }
        try await withServer(
            handler,
            configure: {
                $0.poolBytes = pool
                $0.maxHeaderBytes = pool / 2
            }
        ) { server in
            try await server.talk { connection in
                let writer = Unshared(connection)
                let thread = TestThread { for piece in pieces where (try? writer.value.send(piece)) == nil { return } }
                for (number, expected) in wire.enumerated() {
                    let response = try connection.readResponse()
                    #expect(response.status == 200)
                    #expect(response.text == "/r\(number) \(expected.sum)")
                }
                thread.join()
            }
        }
    }
}
