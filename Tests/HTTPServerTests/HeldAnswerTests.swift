internal import HTTPServer
internal import Synchronization
internal import TestSupport
internal import Testing

/// Answers that come later, from other threads, in batches, or not at all.
@Suite(.timeLimit(.minutes(1)))
struct HeldAnswerTests {
    @Test func `an answer may come later from any thread, and its connection is kept`() async throws {
        let held = TestCollector<Responder>()
        try await withServer(ClosureHandler { held.append($1) }) { server in
            async let answers = server.talk { connection in
                try (0..<3).map { _ in try connection.request("POST", "/", body: [1, 2]).text }
            }
            for number in 1...3 {
                let responder = await held.first(number)[number - 1]
                try await onThread { responder.respond(.text(200, "answer \(number)")) }
            }
            #expect(try await answers == ["answer 1", "answer 2", "answer 3"])
        }
    }

    @Test func `the first answer wins, within the handler and later`() async throws {
        let held = TestCollector<Responder>()
        let handler = ClosureHandler { request, responder in
            if request.head.target == "/now" {
                responder.respond(.text(200, "first"))
                responder.respond(.text(500, "second"))
            }
            held.append(responder)
        }
        try await withServer(handler) { server in
            let now = try await server.talk { try $0.request("GET", "/now").text }
            #expect(now == "first")
            async let later = server.talk { connection in
                [try connection.request("GET", "/later").text, try connection.request("GET", "/now").text]
            }
            let responder = await held.first(2)[1]
            responder.respond(.text(200, "first"))
            responder.respond(.text(500, "second"))
            let both = try await later
            #expect(both == ["first", "first"])
        }
    }

    @Test func `a batch of answers reaches every client`() async throws {
        let held = TestCollector<(Responder, String)>()
        let handler = ClosureHandler { held.append(($1, $0.head.target)) }
        try await withServer(handler) { server in
            let answers = try await withThrowingTaskGroup(of: (Int, String).self) { group in
                for number in 0..<100 {
                    group.addTask { (number, try await server.talk { try $0.request("GET", "/\(number)").text }) }
                }
                let all = await held.first(100)
                Responder.respond(all.map { ($0.0, .text(200, "for \($0.1)")) })
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            #expect(answers.count == 100)
            #expect(answers.allSatisfy { $0.value == "for /\($0.key)" })
        }
    }

    @Test func `the end of a turn comes once after its requests`() async throws {
        struct Turns { var open: [Responder] = []; var sizes: [Int] = [] }
        let turns = Mutex(Turns())
        let handler = ClosureHandler(turn: {
            let batch = turns.withLock { turns in
                turns.sizes.append(turns.open.count)
                defer { turns.open = [] }
                return turns.open
            }
            Responder.respond(batch.map { ($0, .text(200, "batch")) })
        }) { _, responder in turns.withLock { $0.open.append(responder) } }
        try await withServer(handler) { server in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        try await server.talk { connection in
                            for _ in 0..<20 {
                                let text = try connection.request("POST", "/", body: [1]).text
                                #expect(text == "batch")
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        let sizes = turns.withLock { $0.sizes }
        #expect(sizes.reduce(0, +) == 400)
        #expect(!sizes.contains(0))
    }

    @Test func `pipelined requests are answered in order, across held ones too`() async throws {
        let held = TestCollector<(Responder, String)>()
        let handler = ClosureHandler { request, responder in
            if request.head.target.hasPrefix("/held") {
                held.append((responder, request.head.target))
            } else {
                responder.respond(.text(200, request.head.target))
            }
        }
        try await withServer(handler) { server in
            async let texts = server.talk { connection in
                let targets = ["/1", "/held1", "/2", "/held2", "/3"]
                try connection.send(
                    targets.map { "POST \($0) HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab" }.joined())
                return try targets.map { _ in try connection.readResponse().text }
            }
            for number in 1...2 {
                let (responder, target) = await held.first(number)[number - 1]
                responder.respond(.text(200, target))
            }
            let answers = try await texts
            #expect(answers == ["/1", "/held1", "/2", "/held2", "/3"])
        }
    }

    @Test(arguments: [false, true])
    func `a client that has closed its sending side still gets its answer`(isHeld: Bool) async throws {
        let held = TestCollector<Responder>()
        let handler = ClosureHandler { _, responder in
            if isHeld { held.append(responder) } else { responder.respond(.text(200, "answer")) }
        }
        try await withServer(handler) { server in
            async let text = server.talk { connection in
                try connection.sendRequest("POST", "/", body: [1, 2, 3])
                connection.endSending()
                return try connection.readResponse().text
            }
            if isHeld { await held.first(1)[0].respond(.text(200, "answer")) }
            let answer = try await text
            #expect(answer == "answer")
        }
    }

    @Test(arguments: [false, true])
    func `a long poll learns that its client has left, and a late answer is dropped`(resets: Bool) async throws {
        let left = TestCollector<String>()
        let held = TestCollector<Responder>()
        let handler = ClosureHandler { _, responder in
            responder.onDisconnect { left.append("left") }
            held.append(responder)
        }
        try await withServer(handler) { server in
            let connection = try await server.talk { connection in
                try connection.sendRequest("GET", "/wait")
                return Unshared(connection)
            }
            let responder = await held.first(1)[0]
            if resets { connection.value.reset() } else { connection.value.close() }
            #expect(await left.first(1) == ["left"])
            responder.respond(.text(200, "too late"))
            try await eventually("the connection is closed") { server.metric("fanfare_http_connections") == 0 }
            #expect(server.metric(#"fanfare_http_refused_total{reason="disconnect"}"#) == 1)
            #expect(left.values == ["left"])
        }
    }

    @Test func `a watch that is set later works too, and one on a request that is over acts at once`() async throws {
        let left = TestCollector<String>()
        let held = TestCollector<Responder>()
        try await withServer(ClosureHandler { held.append($1) }) { server in
            let connection = try await server.talk { connection in
                try connection.sendRequest("GET", "/wait")
                return Unshared(connection)
            }
            let responder = await held.first(1)[0]
            responder.onDisconnect { left.append("left") }
            connection.value.close()
            #expect(await left.first(1) == ["left"])
            responder.onDisconnect { left.append("at once") }
            #expect(left.values == ["left", "at once"])
        }
    }

    @Test func `a watched request that is answered keeps its connection`() async throws {
        let left = TestCollector<String>()
        let handler = ClosureHandler { _, responder in
            responder.onDisconnect { left.append("left") }
            TestThread { responder.respond(.text(200, "answer")) }.detach()
        }
        try await withServer(handler) { server in
            try await server.talk { connection in
                for _ in 0..<50 {
                    let text = try connection.request("GET", "/").text
                    #expect(text == "answer")
                }
            }
        }
        #expect(left.values == [])
    }

    @Test func `an answer that cannot be sent becomes 500`() async throws {
        let handler = ClosureHandler { request, responder in
            switch request.head.target {
            case "/header": responder.respond(Response(status: 200, headers: [HTTPField("X", "a\r\nY: b")]))
            case "/encoding":
                responder.respond(Response(status: 200, headers: [HTTPField("Transfer-Encoding", "chunked")]))
            default: responder.respond(Response(status: 99))
            }
        }
        try await withServer(handler) { server in
            try await server.talk { connection in
                for target in ["/header", "/encoding", "/status"] {
                    let status = try connection.request("GET", target).status
                    #expect(status == 500)
                }
            }
            #expect(!server.log.lines.isEmpty)
        }
    }

    @Test func `HEAD, 204 and 304 have no body`() async throws {
        let handler = ClosureHandler { request, responder in
            let status = Int(request.head.target.dropFirst()) ?? 200
            responder.respond(Response(status: status, body: .bytes(Array("body".utf8))))
        }
        try await withServer(handler) { server in
            try await server.talk { connection in
                let head = try connection.request("HEAD", "/200")
                #expect(head["Content-Length"] == "4")
                #expect(try connection.request("GET", "/204").status == 204)
                #expect(try connection.request("GET", "/304").status == 304)
                #expect(try connection.request("GET", "/200").text == "body")
            }
        }
    }

    @Test func `a thousand connections are served at once`() async throws {
        let held = TestCollector<(Responder, String)>()
        let handler = ClosureHandler { held.append(($1, $0.head.target)) }
        try await withServer(handler) { server in
            let port = server.port
            let connections = try await onThread {
                try (0..<1_000).map { number in
                    let connection = try RawConnection(port: port)
                    try connection.sendRequest("POST", "/\(number)", body: [1])
                    return Unshared(connection)
                }
            }
            let all = await held.first(1_000)
            #expect(server.metric("fanfare_http_connections") == 1_000)
            Responder.respond(all.map { ($0.0, .text(200, $0.1)) })
            try await onThread {
                for (number, connection) in connections.enumerated() {
                    let text = try connection.value.readResponse().text
                    #expect(text == "/\(number)")
                    connection.value.close()
                }
            }
            try await eventually("all are closed") { server.metric("fanfare_http_connections") == 0 }
        }
    }
}
