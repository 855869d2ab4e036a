internal import CLinux
internal import Glibc
internal import Synchronization

/// A TCP door on the loopback interface in front of a server, that tests can hold shut: bytes wait, connections stay, as
/// when the process behind it is stopped or a network swallows packets.
///
/// ```swift
/// let proxy = try TestProxy(to: .unix("\(postgres.folder)/.s.PGSQL.5432"))
/// let dsn = "host=127.0.0.1 port=\(proxy.port) …"
/// proxy.pause()
/// ```
public final class TestProxy: Sendable {
    public enum Target: Sendable {
        case unix(String)
        case tcp(Int)
    }

    private struct State {
        var isPaused = false
        var isClosed = false
        /// Both ends of every connection.
        var descriptors: Set<Int32> = []
    }

    /// On 127.0.0.1.
    public let port: Int
    private let listener: Int32
    private let target: Target
    private let state = Mutex(State())
    /// Readable while bytes may pass.
    private let open: Int32

    public init(to target: Target) throws {
        self.target = target
        open = eventfd(1, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard bind(listener, address, length) == 0, listen(listener, 64) == 0 else { return Int32(-1) }
                return getsockname(listener, address, &length)
            }
        }
        guard result == 0 else { throw SpawnError("a proxy's socket", errno) }
        self.listener = listener
        port = Int(UInt16(bigEndian: address.sin_port))
        TestThread { [self] in accept() }.detach()
    }

    /// Nothing passes in either direction until `resume`; new connections wait too.
    public func pause() {
        state.withLock { state in
            guard !state.isPaused else { return }
            state.isPaused = true
            var count: UInt64 = 0
            _ = read(open, &count, 8)
        }
    }

    public func resume() {
        state.withLock { state in
            guard state.isPaused else { return }
            state.isPaused = false
            eventfd_write(open, 1)
        }
    }

    /// Ends every connection; new ones are taken.
    public func cut() {
        state.withLock { state in
            for descriptor in state.descriptors { Glibc.shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    /// Ends everything for good; what a pause held back does not get out any more.
    public func close() {
        state.withLock { $0.isClosed = true }
        Glibc.shutdown(listener, Int32(SHUT_RDWR))
        cut()
        resume()
    }

    private func accept() {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            if client < 0 {
                if errno == EINTR { continue }
                break
            }
            guard let server = connectToTarget() else {
                Glibc.close(client)
                continue
            }
            let isOpen = state.withLock { state in
                if state.isClosed { return false }
                state.descriptors.formUnion([client, server])
                return true
            }
            guard isOpen else {
                Glibc.close(client)
                Glibc.close(server)
                break
            }
            let pumps = Atomic2()
            TestThread { [self] in pump(client, server, pumps) }.detach()
            TestThread { [self] in pump(server, client, pumps) }.detach()
        }
        Glibc.close(listener)
    }

    private final class Atomic2: Sendable {
        private let count = Atomic<Int>(2)
        /// True for the last of two.
        func leave() -> Bool { count.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 }
    }

    private func pump(_ from: Int32, _ to: Int32, _ pumps: Atomic2) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(from, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            waitUntilOpen()
            var sent = 0
            while sent < count {
                let written = buffer.withUnsafeBytes {
                    send(to, $0.baseAddress?.advanced(by: sent), count - sent, Int32(MSG_NOSIGNAL))
                }
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { break }
                sent += written
            }
            if sent < count { break }
        }
        Glibc.shutdown(from, Int32(SHUT_RDWR))
        Glibc.shutdown(to, Int32(SHUT_RDWR))
        guard pumps.leave() else { return }
        state.withLock { $0.descriptors.subtract([from, to]) }
        Glibc.close(from)
        Glibc.close(to)
    }

    private func waitUntilOpen() {
        var polled = pollfd(fd: open, events: Int16(POLLIN), revents: 0)
        while poll(&polled, 1, -1) < 0, errno == EINTR {}
    }

    private func connectToTarget() -> Int32? {
        switch target {
        case .unix(let path):
            let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { bytes in
                bytes.copyBytes(from: path.utf8.prefix(bytes.count - 1))
            }
            let result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            if result == 0 { return descriptor }
            Glibc.close(descriptor)
            return nil
        case .tcp(let port):
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            if result == 0 { return descriptor }
            Glibc.close(descriptor)
            return nil
        }
    }
}
