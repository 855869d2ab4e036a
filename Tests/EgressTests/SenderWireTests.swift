import Egress
import TestSupport
import Testing

/// What goes over the wire, and what comes back.
@Suite(.timeLimit(.minutes(1))) struct SenderWireTests {
    @Test func `a POST carries exactly our header lines`() async throws {
        let receiver = try TestReceiver { _ in [.answer(204)] }
        let harness = EgressHarness()
        defer {
            receiver.stop()
            harness.stop()
        }
        let result = try await harness.post(
            receiver.url + "in/a%20b/../c?x=1&y", body: "{\"a\":1}",
            headers: [
                ("X-IC-Event-Id", "evt_1"), ("Content-Type", "application/json"), ("webhook-id", "evt_1"),
                ("X-IC-Signature", "t=1,v1=ab"),
            ])
        #expect(result.outcome == .status(204))
        let request = await receiver.requests.first(1)[0]
        #expect(request.requestLine == "POST /in/a%20b/../c?x=1&y HTTP/1.1")
        #expect(
            request.headerLines == [
                "Host: 127.0.0.1:\(receiver.port)", "X-IC-Event-Id: evt_1", "Content-Type: application/json",
                "webhook-id: evt_1", "X-IC-Signature: t=1,v1=ab", "Content-Length: 7",
                "User-Agent: Fanfare/1.0 HTTP/1.1",
            ])
        #expect(request.body == Array("{\"a\":1}".utf8))
    }

    @Test func `nothing is added where there are no headers`() async throws {
        let receiver = try TestReceiver { _ in [.answer(204)] }
        let harness = EgressHarness()
        defer {
            receiver.stop()
            harness.stop()
        }
        _ = try await harness.post(receiver.url, body: "", headers: [])
        #expect(
            await receiver.requests.first(1)[0].headerLines == [
                "Host: 127.0.0.1:\(receiver.port)", "Content-Length: 0", "User-Agent: Fanfare/1.0 HTTP/1.1",
            ])
    }

    @Test(arguments: [
        (Exchange.Method.get, ""), (.head, ""), (.delete, ""), (.delete, "x"), (.put, "x"), (.patch, "x"), (.put, ""),
    ])
    func `other methods`(_ method: Exchange.Method, _ body: String) async throws {
        let receiver = try TestReceiver {
            $0.method == "HEAD" ? [.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")] : [.answer(200)]
        }
        let harness = EgressHarness()
        defer {
            receiver.stop()
            harness.stop()
        }
        let target = try harness.target(receiver.url)
        // A POST before and after: the handle is used again, and nothing of one request may stay in the next.
        #expect(try await harness.post(receiver.url, body: "{}").outcome == .status(200))
        let result = await harness.client.send(
            Exchange(token: 0, target: target, method: method, body: Array(body.utf8)))
        #expect(result.outcome == .status(200))
        #expect(try await harness.post(receiver.url, body: "{}").outcome == .status(200))
        let requests = await receiver.requests.first(3)
        #expect(requests.map(\.method) == ["POST", method.rawValue, "POST"])
        #expect(requests.map(\.body) == [Array("{}".utf8), Array(body.utf8), Array("{}".utf8)])
        #expect(requests[1].header("content-type") == nil)
        #expect((requests[1].header("content-length") != nil) == (!body.isEmpty || method == .put))
    }

    @Test(arguments: [1, 1000, 65_535, 65_536, 70_000, 300_000, 2_000_000])
    func `bodies of all sizes arrive as they are`(_ count: Int) async throws {
        let receiver = try TestReceiver { _ in [.answer(200)] }
        let harness = EgressHarness()
        defer {
            receiver.stop()
            harness.stop()
        }
        let body = String((0..<count).map { Character(UnicodeScalar(UInt8(97 + $0 % 26))) })
        #expect(try await harness.post(receiver.url, body: body).outcome == .status(200))
        #expect(try await harness.post(receiver.url, body: "short").outcome == .status(200))
        let requests = await receiver.requests.first(2)
        #expect(requests[0].body == Array(body.utf8))
        #expect(requests[0].header("Expect") == nil)
        #expect(requests[1].body == Array("short".utf8))
    }

    @Test func `the answer's parts are kept within their caps`() async throws {
        let receiver = try TestReceiver { request in
            [
                .answer(
                    request.target == "/ok" ? 200 : 503, headers: ["Retry-After:  120 ", "X-A: b"],
                    body: String(repeating: "z", count: 6000))
            ]
        }
        let harness = EgressHarness()
        defer {
            receiver.stop()
            harness.stop()
        }
        let failed = try await harness.post(receiver.url)
        #expect(failed.outcome == .status(503))
        #expect(failed.retryAfter == "120")
        #expect(failed.header("x-a") == "b")
        #expect(failed.header("x-b") == nil)
        #expect(
            String(decoding: failed.responseHeaders, as: UTF8.self)
                == "Retry-After:  120 \r\nX-A: b\r\nContent-Length: 6000\r\n")
        #expect(failed.responseHead == [UInt8](repeating: UInt8(ascii: "z"), count: 4096))
        #expect(failed.bodyBytes == 6000)
        #expect(failed.peer == IPAddress("127.0.0.1"))
        #expect(!failed.isConnectionReused)
        #expect(failed.timings.connect > 0)
        #expect(failed.timings.firstByte >= failed.timings.connect)
        #expect(failed.timings.total >= failed.timings.firstByte)
        let succeeded = try await harness.post(receiver.url + "ok")
        #expect(succeeded.responseHead.count == 256)
        #expect(succeeded.isConnectionReused)
        #expect(succeeded.timings.connect == 0)
        let whole = try await harness.post(receiver.url + "ok", limits: .wholeBody(upTo: 6000))
        #expect(whole.responseHead.count == 6000)
    }

    @Test(arguments: [
        "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Trailer: y\r\n\r\n",
        "HTTP/1.1 299\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nuntil the end",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\u{1f}x",
    ])
    func `odd answers that are fine`(_ answer: String) async throws {
        let receiver = try TestReceiver { _ in [.send(answer), .close] }
        let harness = EgressHarness()
        defer {
            receiver.stop()
            harness.stop()
        }
        let result = try await harness.post(receiver.url)
        guard case .status(let status) = result.outcome else {
            Issue.record("\(result.outcome) \(result.detail)")
            return
        }
        #expect((200..<300).contains(status))
        #expect(result.header("link") == nil)
    }

    @Test(arguments: [301, 302, 303, 307, 308])
    func `redirects are answers, not ways`(_ status: Int) async throws {
        let other = try TestReceiver { _ in [.answer(200)] }
        let receiver = try TestReceiver { _ in
            [.answer(status, headers: ["Location: \(other.url)", "Refresh: 0; url=\(other.url)"])]
        }
        let harness = EgressHarness()
        defer {
            receiver.stop()
            other.stop()
            harness.stop()
        }
        #expect(try await harness.post(receiver.url).outcome == .status(status))
        #expect(try await harness.post(receiver.url).outcome == .status(status))
        #expect(other.connections.values.isEmpty)
        #expect(receiver.requests.values.count == 2)
    }

    @Test func `a connection is used again, and not after the receiver closed it`() async throws {
        let receiver = try TestReceiver {
            $0.connection == 0 && $0.indexOnConnection == 2 ? [.answer(200), .close] : [.answer(200)]
        }
        let harness = EgressHarness()
        defer {
            receiver.stop()
            harness.stop()
        }
        for _ in 0..<3 { #expect(try await harness.post(receiver.url).outcome == .status(200)) }
        _ = await receiver.ended.first(1)
        let result = try await harness.post(receiver.url)
        #expect(result.outcome == .status(200))
        #expect(!result.isConnectionReused)
        #expect(await receiver.requests.first(4).map(\.connection) == [0, 0, 0, 1])
    }

    @Test func `pieces of a stream come as they are sent`() async throws {
        let gate = TestGate()
        let receiver = try TestReceiver { _ in
            [
                .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"), .wait(gate),
                .send("data: 2\n\n"), .close,
            ]
        }
        let harness = EgressHarness()
        defer {
            receiver.stop()
            harness.stop()
        }
        let pieces = TestCollector<String>()
        var exchange = Exchange(
            token: 0, target: try harness.target(receiver.url), method: .get, timeoutMilliseconds: 0)
        exchange.onBody = { status, piece in pieces.append("\(status) \(String(decoding: piece, as: UTF8.self))") }
        async let result = harness.client.send(exchange)
        #expect(await pieces.first(1) == ["200 data: 1\n\n"])
        gate.open()
        #expect(await pieces.first(2).last == "200 data: 2\n\n")
        #expect(await result.outcome == .status(200))
        #expect(await result.responseHead.isEmpty)
    }
}
