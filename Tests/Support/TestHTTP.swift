internal import CLinux
internal import Glibc

/// What a server answered.
public struct TestAnswer: Sendable {
    public let status: Int
    /// In order of arrival, names in lower case.
    public let headers: [(name: String, value: String)]
    public let body: [UInt8]

    public var text: String { String(decoding: body, as: UTF8.self) }

    /// The first header of that name (in lower case).
    public func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}

/// A request a connection, for tests that want an answer from a server on the loopback interface. It knows as little HTTP
/// as that takes; faults and odd requests are made with sockets.
public enum TestHTTP {
    /// - Parameter target: path and query, sent as they are.
    /// - Throws: `SpawnError` when nobody listens, nothing comes for `limit`, or the answer is no HTTP.
    public static func request(
        _ method: String = "GET", port: Int, _ target: String, headers: [(String, String)] = [], body: [UInt8]? = nil,
        within limit: Duration = .seconds(10)
    ) async throws -> TestAnswer {
        var head = "\(method) \(target) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if let body { head += "Content-Length: \(body.count)\r\n" }
        let bytes = Array((head + "\r\n").utf8) + (body ?? [])
        // Blocking calls stay off the cooperative pool.
        let result: Result<[UInt8], any Error> = await TestThread.run {
            Result { try exchange(port: port, bytes, milliseconds: limit.components.seconds * 1_000) }
        }
        return try parse(try result.get())
    }

    private static func exchange(port: Int, _ request: [UInt8], milliseconds: Int64) throws -> [UInt8] {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SpawnError("socket", errno) }
        defer { close(descriptor) }
        var limit = timeval(tv_sec: Int(max(1, milliseconds / 1_000)), tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw SpawnError("connect to port \(port)", errno) }
        var sent = 0
        while sent < request.count {
            let count = request.withUnsafeBytes {
                send(descriptor, $0.baseAddress?.advanced(by: sent), request.count - sent, Int32(MSG_NOSIGNAL))
            }
            // A server may answer and close before it has read everything; its answer is what counts.
            guard count > 0 else { break }
            sent += count
        }
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count == 0 { return answer }
            guard count > 0 else {
                if answer.isEmpty { throw SpawnError("no answer from port \(port)", errno) }
                return answer
            }
            answer += chunk[..<count]
        }
    }

    private static func parse(_ bytes: [UInt8]) throws -> TestAnswer {
        guard let end = bytes.indices.first(where: { bytes[$0...].starts(with: [13, 10, 13, 10]) }) else {
            throw SpawnError("an answer without a head: \(String(decoding: bytes.prefix(200), as: UTF8.self))")
        }
        let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, let status = Int(words[1]) else {
            throw SpawnError("an answer without a status: \(lines.first ?? "")")
        }
        let headers = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return (name: parts[0].lowercased(), value: parts.count == 2 ? String(parts[1].drop { $0 == " " }) : "")
        }
        let body = Array(bytes[(end + 4)...])
        let isChunked = headers.contains { $0.name == "transfer-encoding" && $0.value.lowercased() == "chunked" }
        return TestAnswer(status: status, headers: headers, body: isChunked ? try joined(body) : body)
    }

    /// The body of a chunked answer.
    private static func joined(_ bytes: [UInt8]) throws -> [UInt8] {
        var body: [UInt8] = []
        var rest = bytes[...]
        while let end = rest.firstIndex(of: 13) {
            guard let size = Int(String(decoding: rest[..<end], as: UTF8.self), radix: 16) else { break }
            guard size > 0 else { return body }
            rest = rest[(end + 2)...]
            body += rest.prefix(size)
            rest = rest.dropFirst(size + 2)
        }
        throw SpawnError("a chunked answer that was cut")
    }
}
