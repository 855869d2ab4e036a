internal import CLinux
internal import CTLS
internal import Glibc

/// One connection of a `TestReceiver`, used by its thread alone: blocking reads and writes, plain or TLS.
final class ReceiverChannel {
    let descriptor: Int32
    private var tls: OpaquePointer?
    private var buffer: [UInt8] = []

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        if let tls { SSL_free(tls) }
    }

    /// The handshake; false if it failed.
    func startTLS(_ context: TLSServerContext) -> Bool {
        tls = context.makeSession()
        guard let tls else { return false }
        SSL_set_fd(tls, descriptor)
        if SSL_accept(tls) == 1 { return true }
        // Closing over unread bytes would reset the connection and take the alert away from the peer.
        shutdown(descriptor, Int32(SHUT_WR))
        drain()
        return false
    }

    func endTLS(politely: Bool) {
        if let tls, politely { SSL_shutdown(tls) }
    }

    func write(_ bytes: [UInt8]) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { raw in
                let rest = UnsafeRawBufferPointer(rebasing: raw[done...])
                if let tls { return Int(SSL_write(tls, rest.baseAddress, Int32(rest.count))) }
                return send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }

    /// True once the peer has closed.
    func isHungUp(within milliseconds: Int) -> Bool {
        var polled = pollfd(fd: descriptor, events: Int16(pollPeerHangUp), revents: 0)
        return poll(&polled, 1, Int32(milliseconds)) > 0
    }

    func waitForHangUp() {
        while !isHungUp(within: -1) {}
    }

    /// The next request with its whole body (by length or in chunks); nil at the end of the connection.
    func readRequest(connection: Int, index: Int) -> ReceivedRequest? {
        guard let head = readUntil(Array("\r\n\r\n".utf8)) else { return nil }
        var lines: [String] = []
        for line in head.dropLast(4).split(separator: 0x0A, omittingEmptySubsequences: false) {
            lines.append(String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self))
        }
        guard let requestLine = lines.first else { return nil }
        let headerLines = Array(lines.dropFirst())
        func value(_ name: String) -> String? {
            headerLines.first { $0.lowercased().hasPrefix(name + ":") }
                .map { String($0.dropFirst(name.count + 1).drop { $0 == " " }) }
        }
        if value("expect") == "100-continue" { _ = write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)) }
        let body: [UInt8]?
        if value("transfer-encoding") == "chunked" {
            body = readChunks()
        } else {
            body = read(value("content-length").flatMap { Int($0) } ?? 0)
        }
        guard let body else { return nil }
        return ReceivedRequest(
            connection: connection, indexOnConnection: index, requestLine: requestLine, headerLines: headerLines,
            body: body)
    }

    private func readChunks() -> [UInt8]? {
        var body: [UInt8] = []
        while let line = readUntil(Array("\r\n".utf8)) {
            guard let size = Int(String(decoding: line.dropLast(2), as: UTF8.self), radix: 16),
                let chunk = read(size + 2)
            else { return nil }
            if size == 0 { return body }
            body.append(contentsOf: chunk.dropLast(2))
        }
        return nil
    }

    private func readUntil(_ end: [UInt8]) -> [UInt8]? {
        var searched = 0
        while true {
            if buffer.count >= end.count {
                for start in searched...(buffer.count - end.count)
                where buffer[start..<(start + end.count)].elementsEqual(end) {
                    defer { buffer.removeFirst(start + end.count) }
                    return Array(buffer.prefix(start + end.count))
                }
                searched = buffer.count - end.count + 1
            }
            guard fill() else { return nil }
        }
    }

    private func read(_ count: Int) -> [UInt8]? {
        while buffer.count < count {
            guard fill() else { return nil }
        }
        defer { buffer.removeFirst(count) }
        return Array(buffer.prefix(count))
    }

    private func drain() {
        var piece = [UInt8](repeating: 0, count: 4096)
        while recv(descriptor, &piece, piece.count, 0) > 0 {}
    }

    private func fill() -> Bool {
        let piece = [UInt8](unsafeUninitializedCapacity: 65536) { storage, count in
            let received =
                if let tls { Int(SSL_read(tls, storage.baseAddress, Int32(storage.count))) } else {
                    recv(descriptor, storage.baseAddress, storage.count, 0)
                }
            count = max(received, 0)
        }
        buffer.append(contentsOf: piece)
        return !piece.isEmpty
    }
}
