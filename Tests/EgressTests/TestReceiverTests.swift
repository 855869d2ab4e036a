import Glibc
import TestSupport
import Testing

/// The receiver itself, driven by a plain socket, so that a failure elsewhere is not its fault.
@Suite struct TestReceiverTests {
    private static func exchange(port: UInt16, _ text: String) async -> String {
        let collector = TestCollector<String>()
        TestThread {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            withUnsafeBytes(of: &address) { raw in
                let pointer = raw.baseAddress?.assumingMemoryBound(to: sockaddr.self)
                _ = connect(descriptor, pointer, socklen_t(raw.count))
            }
            _ = send(descriptor, text, text.utf8.count, 0)
            var answer: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 {
                answer.append(contentsOf: buffer.prefix(count))
            }
            close(descriptor)
            collector.append(String(decoding: answer, as: UTF8.self))
        }.detach()
        return await collector.first(1)[0]
    }

    @Test(.timeLimit(.minutes(1))) func `requests are recorded as they stood on the wire`() async throws {
        let receiver = try TestReceiver { request in
            request.indexOnConnection == 1 ? [.answer(200, headers: ["X-A: b"], body: "hi"), .close] : [.answer(204)]
        }
        defer { receiver.stop() }
        let answer = await Self.exchange(
            port: receiver.port,
            "POST /a?b HTTP/1.1\r\nhost: x\r\nX-Case:  Kept \r\nContent-Length: 3\r\n\r\nabc"
                + "PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n")
        #expect(answer == "HTTP/1.1 204 X\r\n\r\nHTTP/1.1 200 X\r\nX-A: b\r\nContent-Length: 2\r\n\r\nhi")
        let requests = await receiver.requests.first(2)
        #expect(requests.map(\.connection) == [0, 0])
        #expect(requests[0].requestLine == "POST /a?b HTTP/1.1")
        #expect(requests[0].headerLines == ["host: x", "X-Case:  Kept ", "Content-Length: 3"])
        #expect(requests[0].body == Array("abc".utf8))
        #expect(requests[1].method == "PUT")
        #expect(requests[1].target == "/c")
        #expect(requests[1].body == Array("def".utf8))
        #expect(await receiver.ended.first(1) == [0])
    }
}
