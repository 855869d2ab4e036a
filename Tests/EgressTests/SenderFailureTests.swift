import Egress
import TestSupport
import Testing

/// Every class of failure, by a receiver that causes it.
@Suite(.timeLimit(.minutes(1))) struct SenderFailureTests {
    private func outcome(
        timeout: Int32 = 10_000, greeting: @escaping @Sendable (Int) -> ReceiverGreeting = { _ in .read },
        _ steps: [ReceiverStep]
    ) async throws -> (result: ExchangeResult, requests: Int) {
        let receiver = try TestReceiver(greeting: greeting) { _ in steps }
        let harness = EgressHarness()
        defer {
            receiver.stop()
            harness.stop()
        }
        let result = try await harness.post(receiver.url, timeout: timeout)
        return (result, receiver.requests.values.count)
    }

    @Test func `nobody listens`() async throws {
        let receiver = try TestReceiver { _ in [] }
        receiver.stop()
        let harness = EgressHarness()
        defer { harness.stop() }
        try await eventually("the port is free") {
            let result = try await harness.post(receiver.url)
            return result.outcome == .failure(.connect) && !result.mayHaveBeenDelivered
        }
    }

    @Test func `the receiver accepts and never reads`() async throws {
        let (result, _) = try await outcome(timeout: 1_000, greeting: { _ in .hold }, [])
        #expect(result.outcome == .failure(.timeout))
        #expect(result.mayHaveBeenDelivered)
        #expect(result.timings.total >= 999_000)
    }

    @Test func `the receiver reads and never answers`() async throws {
        let (result, requests) = try await outcome(timeout: 1_000, [.hold])
        #expect(result.outcome == .failure(.timeout))
        #expect(result.status == nil)
        #expect(requests == 1)
    }

    @Test func `a dripping answer ends at the deadline`() async throws {
        let (result, _) = try await outcome(
            timeout: 1_000,
            [.drip(Array("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".utf8), milliseconds: 20), .hold])
        #expect(result.outcome == .failure(.timeout))
        #expect(result.timings.total < 5_000_000)
    }

    @Test func `a dripping body ends at the deadline, its status is known`() async throws {
        let (result, _) = try await outcome(
            timeout: 1_000,
            [
                .send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
                .drip([UInt8](repeating: 120, count: 900), milliseconds: 10),
            ])
        #expect(result.outcome == .failure(.timeout))
        #expect(result.status == 200)
        #expect(result.bodyBytes > 0)
    }

    @Test(arguments: ["Content-Length: 10000000000", "Transfer-Encoding: identity", "X-A: b"])
    func `an endless body is cut`(_ header: String) async throws {
        let (result, _) = try await outcome([
            .send("HTTP/1.1 200 OK\r\n\(header)\r\n\r\n"), .endless([UInt8](repeating: 120, count: 65_536)),
        ])
        #expect(result.outcome == .failure(.tooLarge))
        #expect(result.status == 200)
        #expect(result.mayHaveBeenDelivered)
        #expect(result.bodyBytes <= 64 * 1024 + 16 * 1024)
        #expect(result.timings.total < 3_000_000)
    }

    @Test(arguments: ["X-A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "X: 1\r\n", "a"])
    func `endless headers are cut`(_ piece: String) async throws {
        let (result, _) = try await outcome([
            .send("HTTP/1.1 \(piece.hasPrefix("HTTP") ? 100 : 200) OK\r\n" + (piece.hasPrefix("HTTP") ? "\r\n" : "")),
            .endless(Array(String(repeating: piece, count: 100).utf8)),
        ])
        #expect(result.outcome == .failure(.tooLarge))
        #expect(result.responseHeaders.count <= 16 * 1024)
    }

    @Test(arguments: [
        "", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ])
    func `an answer that ends early is a reset, whichever way it ends`(_ text: String) async throws {
        for end in [ReceiverStep.close, .reset] {
            let (result, requests) = try await outcome([.send(text), end])
            #expect(result.outcome == .failure(.reset), "\(text) \(end) \(result.detail)")
            #expect(result.mayHaveBeenDelivered)
            #expect(requests == 1)
        }
    }

    @Test(arguments: [
        "nonsense\r\n\r\n", "HTTP/0.9 ok\r\n\r\n", "\u{16}\u{3}\u{1}", "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n", "HTTP/3 200\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 0\r\n\r\n",
    ])
    func `what is not HTTP is a protocol error at once`(_ text: String) async throws {
        let (result, _) = try await outcome(timeout: 5_000, [.send(text), .hold])
        #expect(result.outcome == .failure(.protocolError), "\(result.detail)")
        #expect(result.timings.total < 3_000_000)
    }

    @Test func `a plain receiver behind https is a TLS failure`() async throws {
        let receiver = try TestReceiver(greeting: { _ in .read }) { _ in [.answer(200)] }
        let harness = EgressHarness()
        defer {
            receiver.stop()
            harness.stop()
        }
        let silent = try TestReceiver(greeting: { _ in .hold }) { _ in [] }
        defer { silent.stop() }
        let closing = try TestReceiver(greeting: { _ in .close }) { _ in [] }
        defer { closing.stop() }
        let cut = try await harness.post("https://127.0.0.1:\(closing.port)/")
        #expect(cut.outcome == .failure(.tls))
        #expect(!cut.mayHaveBeenDelivered)
        let result = try await harness.post("https://127.0.0.1:\(silent.port)/", timeout: 200)
        #expect(result.outcome == .failure(.timeoutConnect))
        #expect(!result.mayHaveBeenDelivered)
    }

    @Test(arguments: [ReceiverStep.close, .reset])
    func `a POST on a dying reused connection arrives once`(_ end: ReceiverStep) async throws {
        let receiver = try TestReceiver { $0.indexOnConnection == 1 ? [end] : [.answer(200)] }
        let harness = EgressHarness()
        defer {
            receiver.stop()
            harness.stop()
        }
        #expect(try await harness.post(receiver.url, body: "first").outcome == .status(200))
        let result = try await harness.post(receiver.url, body: "second")
        #expect(result.outcome == .failure(.reset))
        #expect(result.mayHaveBeenDelivered)
        #expect(result.isConnectionReused)
        #expect(try await harness.post(receiver.url, body: "third").outcome == .status(200))
        let bodies = await receiver.requests.first(3).map { String(decoding: $0.body, as: UTF8.self) }
        #expect(bodies == ["first", "second", "third"])
        #expect(receiver.connections.values.count == 2)
    }

    @Test func `a POST on a dying reused connection does not go to another pooled one`() async throws {
        let gate = TestGate()
        let receiver = try TestReceiver { request in
            if request.target == "/wait" { return [.wait(gate), .answer(200)] }
            return request.target == "/die" ? [.reset] : [.answer(200)]
        }
        let harness = EgressHarness()
        defer {
            receiver.stop()
            harness.stop()
        }
        async let first = harness.post(receiver.url + "wait")
        async let second = harness.post(receiver.url + "wait")
        _ = await receiver.requests.first(2)
        gate.open()
        _ = try await (first, second)
        #expect(try await harness.post(receiver.url + "die").outcome == .failure(.reset))
        #expect(try await harness.post(receiver.url + "last").outcome == .status(200))
        #expect(await receiver.requests.first(4).map(\.target) == ["/wait", "/wait", "/die", "/last"])
    }

    @Test func `a cancelled task ends its exchange`() async throws {
        let receiver = try TestReceiver { _ in [.hold] }
        let harness = EgressHarness()
        defer {
            receiver.stop()
            harness.stop()
        }
        let result = try await withThrowingTaskGroup(of: ExchangeResult.self) { group in
            group.addTask { try await harness.post(receiver.url) }
            _ = await receiver.requests.first(1)
            group.cancelAll()
            return try await group.next()
        }
        #expect(result?.outcome == .failure(.cancelled))
        #expect(result?.mayHaveBeenDelivered == true)
        _ = await receiver.ended.first(1)
    }
}
