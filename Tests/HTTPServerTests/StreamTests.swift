internal import HTTPServer
internal import Synchronization
internal import TestSupport
internal import Testing

/// Answers that are written bit by bit.
@Suite(.timeLimit(.minutes(1)))
struct StreamTests {
    /// Answers every request with a new stream.
    struct Streams: Sendable {
        let opened = TestCollector<ResponseStream>()
        let closed = TestCollector<String>()
        var capacity = 64 * 1024

        var handler: ClosureHandler {
            let (opened, closed, capacity) = (opened, closed, capacity)
            return ClosureHandler { request, responder in
                let target = request.head.target
                let stream = ResponseStream(capacity: capacity, onClose: { closed.append(target) })
                responder.respond(.events(stream))
                opened.append(stream)
            }
        }
    }

    @Test func `what is pushed arrives piece by piece, then the end`() async throws {
        let streams = Streams()
        try await withServer(streams.handler) { server in
            let seen = TestCollector<String>()
            async let rest: Bool = server.talk { connection in
                try connection.sendRequest("GET", "/s")
                let head = try connection.readHead()
                #expect(head["Content-Type"] == "text/event-stream")
                while let chunk = try connection.readChunk() { seen.append(String(decoding: chunk, as: UTF8.self)) }
                // The connection is as good as new.
                return try connection.request("HEAD", "/again").status == 200
            }
            let stream = await streams.opened.first(1)[0]
            for number in 1...5 {
                #expect(stream.push(Array("data: \(number)\n\n".utf8)) == .queued)
                #expect(await seen.first(number).last == "data: \(number)\n\n")
            }
            #expect(stream.queuedBytes == 0)
            stream.push(Array("last".utf8))
            stream.end()
            #expect(stream.push([1]) == .closed)
            let isGood = try await rest
            #expect(isGood)
            #expect(await streams.closed.first(2).first == "/s")
            #expect(stream.isClosed)
            #expect(seen.values.last == "last")
        }
    }

    @Test func `pushes before the answer, of many chunks, arrive whole and in order`() async throws {
        let handler = ClosureHandler { _, responder in
            let stream = ResponseStream(capacity: 10 * 1024 * 1024)
            for number in 0..<20_000 { stream.push(Array("line \(number)\n".utf8)) }
            responder.respond(.events(stream))
            for number in 20_000..<40_000 { stream.push(Array("line \(number)\n".utf8)) }
            stream.end()
        }
        let expected = (0..<40_000).map { "line \($0)\n" }.joined()
        try await withServer(
            handler,
            configure: {
                $0.poolBytes = 4 * 1024; $0.maxHeaderBytes = 2 * 1024
            }
        ) { server in
            #expect(try await server.talk { try $0.request("GET", "/").text } == expected)
            // A client of HTTP/1.0 gets the bytes as they are, up to the close.
            let old = try await server.exchange("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
            #expect(old.hasSuffix(expected))
        }
    }

    @Test func `one push reaches many streams with shared bytes`() async throws {
        let streams = Streams()
        try await withServer(streams.handler) { server in
            let port = server.port
            let connections = try await onThread {
                try (0..<200).map { number in
                    let connection = try RawConnection(port: port)
                    try connection.sendRequest("GET", "/\(number)")
                    return Unshared(connection)
                }
            }
            let opened = await streams.opened.first(200)
            #expect(ResponseStream.push(Array("data: all\n\n".utf8), to: opened).isEmpty)
            try await onThread {
                for connection in connections {
                    _ = try connection.value.readHead()
                    #expect(try connection.value.readChunk() == Array("data: all\n\n".utf8))
                }
            }
            opened[7].end()
            let refused = ResponseStream.push(opened.map { ($0, Array("data: own\n\n".utf8)) })
            #expect(refused.count == 1)
            #expect(refused.first === opened[7])
        }
        #expect(await streams.closed.first(200).count == 200)
    }

    @Test func `a stream whose client does not read fills up and can be ended`() async throws {
        var streams = Streams()
        streams.capacity = 100_000
        try await withServer(streams.handler) { server in
            let port = server.port
            let connection = try await onThread {
                let connection = try RawConnection(port: port, receiveBuffer: 4_096)
                try connection.sendRequest("GET", "/slow")
                _ = try connection.readHead()
                return Unshared(connection)
            }
            let stream = await streams.opened.first(1)[0]
            let piece = [UInt8](repeating: 65, count: 10_000)
            // Until the socket's buffers are full the queue empties again and again.
            try await eventually("the queue is full") {
                while stream.push(piece) == .queued {}
                return stream.queuedBytes > 90_000
            }
            #expect(stream.push(piece) == .full)
            stream.abort()
            #expect(await streams.closed.first(1) == ["/slow"])
            try await eventually("the connection is closed") { server.metric("fanfare_http_connections") == 0 }
            connection.value.close()
        }
    }

    @Test(arguments: [false, true])
    func `a stream learns at once that its client has left`(resets: Bool) async throws {
        let streams = Streams()
        try await withServer(streams.handler) { server in
            let connection = try await server.talk { connection in
                try connection.sendRequest("GET", "/gone")
                _ = try connection.readHead()
                return Unshared(connection)
            }
            let stream = await streams.opened.first(1)[0]
            if resets { connection.value.reset() } else { connection.value.close() }
            #expect(await streams.closed.first(1) == ["/gone"])
            #expect(stream.push([1]) == .closed)
            try await eventually("the connection is closed") { server.metric("fanfare_http_connections") == 0 }
        }
    }

    @Test func `a stream that nobody gets is closed`() async throws {
        let closed = TestCollector<String>()
        let handler = ClosureHandler { request, responder in
            responder.respond(.events(ResponseStream(onClose: { closed.append("first") })))
            responder.respond(.events(ResponseStream(onClose: { closed.append("second answer") })))
        }
        try await withServer(handler) { server in
            // HEAD has no body to stream.
            let status = try await server.talk { try $0.request("HEAD", "/").status }
            #expect(status == 200)
            #expect(await Set(closed.first(2)) == ["first", "second answer"])
        }
    }

    @Test func `a stream serves one answer only`() async throws {
        let stream = ResponseStream()
        try await withServer(ClosureHandler { $1.respond(.events(stream)) }) { server in
            async let first = server.talk { try $0.request("GET", "/1").text }
            try await eventually("the first has it") {
                server.metric(#"fanfare_http_requests_total{route="none",status="2xx"}"#) == 1
            }
            #expect(try await server.talk { try $0.request("GET", "/2").status } == 500)
            #expect(stream.push(Array("still mine".utf8)) == .queued)
            stream.end()
            #expect(try await first == "still mine")
        }
    }

    @Test func `thousands of streams come and go and leave nothing behind`() async throws {
        let streams = Streams()
        try await withServer(
            streams.handler,
            configure: {
                $0.poolBytes = 8 * 1024; $0.maxHeaderBytes = 4 * 1024
            }
        ) { server in
            let port = server.port
            let connections = try await onThread {
                try (0..<2_000).map { number in
                    let connection = try RawConnection(port: port)
                    try connection.sendRequest("GET", "/\(number)")
                    return Unshared(connection)
                }
            }
            let opened = await streams.opened.first(2_000)
            for round in 0..<3 {
                #expect(ResponseStream.push(Array("data: \(round)\n\n".utf8), to: opened).isEmpty)
            }
            try await onThread {
                for connection in connections {
                    _ = try connection.value.readHead()
                    var text = ""
                    while text.utf8.count < 27 {
                        text += String(decoding: try connection.value.readChunk() ?? [], as: UTF8.self)
                    }
                    #expect(text == "data: 0\n\ndata: 1\n\ndata: 2\n\n")
                    connection.value.close()
                }
            }
            #expect(await Set(streams.closed.first(2_000)).count == 2_000)
            try await eventually("all are closed") { server.metric("fanfare_http_connections") == 0 }
        }
    }
}
