internal import CLinux
internal import Glibc

/// A TCP connection for tests that write HTTP by hand: any bytes, in any pieces, at any moment.
///
/// It blocks, so it belongs on a thread (`onThread`). A read that gets nothing for `patience` fails instead of hanging.
public final class RawConnection {
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var isOpen = true

    /// - Parameter patience: the longest wait for the next bytes, whole seconds.
    /// - Parameter receiveBuffer: the socket's buffer in bytes, to play a client that reads slowly; 0 leaves it alone.
    /// - Parameter source: the last byte of the client's own address, 127.0.0.x; nil leaves it to the kernel.
    public init(port: UInt16, patience: Int = 20, receiveBuffer: Int = 0, source: UInt8? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw RawHTTPError("no socket: \(errno)") }
        if receiveBuffer > 0 { set(SOL_SOCKET, SO_RCVBUF, Int32(receiveBuffer)) }
        set(Int32(IPPROTO_TCP), TCP_NODELAY, Int32(1))
        set(SOL_SOCKET, SO_RCVTIMEO, timeval(tv_sec: patience, tv_usec: 0))
        set(SOL_SOCKET, SO_SNDTIMEO, timeval(tv_sec: patience, tv_usec: 0))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        if let source {
            address.sin_addr.s_addr = (UInt32(0x7F00_0000) | UInt32(source)).bigEndian
            let bound = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard bound == 0 else {
                let code = errno
                close()
                throw RawHTTPError("cannot bind: \(code)")
            }
        }
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            let code = errno
            close()
            throw RawHTTPError("cannot connect: \(code)")
        }
    }

    deinit { close() }

    public func close() {
        if isOpen { Glibc.close(descriptor) }
        isOpen = false
    }

    /// Closes with a reset, as a process that was killed with unread bytes does.
    public func reset() {
        set(SOL_SOCKET, SO_LINGER, linger(l_onoff: 1, l_linger: 0))
        close()
    }

    /// Says that nothing more will be sent; what the server sends is still read.
    public func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    // MARK: - Writing

    public func send(_ text: String) throws { try send(Array(text.utf8)) }

    public func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw RawHTTPError("cannot send: \(errno)") }
            sent += count
        }
    }

    /// Sends a well-formed request of one piece.
    public func sendRequest(
        _ method: String, _ target: String, headers: [(String, String)] = [], body: [UInt8]? = nil
    ) throws {
        var text = "\(method) \(target) HTTP/1.1\r\nHost: test\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        if let body { text += "Content-Length: \(body.count)\r\n" }
        try send(Array((text + "\r\n").utf8) + (body ?? []))
    }

    /// Sends a well-formed request and reads its answer.
    public func request(
        _ method: String, _ target: String, headers: [(String, String)] = [], body: [UInt8]? = nil
    ) throws -> RawResponse {
        try sendRequest(method, target, headers: headers, body: body)
        return try readResponse(toHead: method == "HEAD")
    }

    // MARK: - Reading

    /// Reads one answer, with its body.
    ///
    /// - Parameter toHead: whether the request was HEAD, whose answer has no body whatever its head says.
    public func readResponse(toHead: Bool = false) throws -> RawResponse {
        var response = try readHead()
        if toHead || response.status == 204 || response.status == 304 || response.status < 200 { return response }
        if response["Transfer-Encoding"]?.lowercased() == "chunked" {
            while let chunk = try readChunk() { response.body += chunk }
        } else if let length = response["Content-Length"].flatMap(Int.init) {
            response.body = try take(length)
        } else {
            response.body = try readToEnd()
        }
        return response
    }

    /// Reads an answer up to the blank line.
    public func readHead() throws -> RawResponse {
        let head = try take(until: Array("\r\n\r\n".utf8))
        return try RawResponse(head: String(decoding: head, as: UTF8.self))
    }

    /// Reads one chunk of a chunked body; nil for the last.
    public func readChunk() throws -> [UInt8]? {
        let line = String(decoding: try take(until: [13, 10]), as: UTF8.self)
        guard let length = Int(line.prefix { $0 != ";" }, radix: 16) else { throw RawHTTPError("not a chunk: \(line)") }
        let chunk = try take(length)
        _ = try take(2)
        return length == 0 ? nil : chunk
    }

    /// Reads until the server has closed; a reset counts as an error.
    public func readToEnd() throws -> [UInt8] {
        while try fill() {}
        defer { buffer = [] }
        return buffer
    }

    /// Whether the server closes now without sending anything more; a reset counts as closing.
    public func isClosedByServer() -> Bool {
        guard buffer.isEmpty else { return false }
        do {
            return try !fill()
        } catch {
            return "\(error)".contains("reset")
        }
    }

    /// Whether there is something to read, or the end, within so many milliseconds.
    public func hasInput(within milliseconds: Int) -> Bool {
        if !buffer.isEmpty { return true }
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&polled, 1, Int32(milliseconds)) > 0
    }

    public func take(_ count: Int) throws -> [UInt8] {
        while buffer.count < count {
            guard try fill() else { throw RawHTTPError("closed after \(buffer.count) of \(count) bytes") }
        }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    /// Reads up to a mark and takes the mark away.
    public func take(until mark: [UInt8]) throws -> [UInt8] {
        var start = 0
        while true {
            while start + mark.count <= buffer.count {
                if buffer[start..<start + mark.count].elementsEqual(mark) {
                    defer { buffer.removeFirst(start + mark.count) }
                    return Array(buffer[..<start])
                }
                start += 1
            }
            guard try fill() else {
                throw RawHTTPError("closed in the middle: \(String(decoding: buffer, as: UTF8.self))")
            }
        }
    }

    /// - Returns: false at the end.
    private func fill() throws -> Bool {
        try withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 1) { bytes in
            let count = recv(descriptor, bytes.baseAddress, bytes.count, 0)
            guard count >= 0 else {
                throw RawHTTPError(errno == ECONNRESET ? "reset by the server" : "cannot read: \(errno)")
            }
            buffer += Array(bytes[..<count])
            return count > 0
        }
    }

    private func set<Value: BitwiseCopyable>(_ level: Int32, _ option: Int32, _ value: Value) {
        var value = value
        let result = setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Value>.size))
        precondition(result == 0, "a socket option was refused")
    }
}
