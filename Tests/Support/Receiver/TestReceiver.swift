internal import CLinux
internal import Glibc
internal import Synchronization

/// A scripted HTTP receiver on a loopback port: records each request as it stood on the wire and misbehaves as told.
/// A thread a connection; stop it at the end of the test.
///
///     let receiver = try TestReceiver { _ in [.answer(204)] }
///     defer { receiver.stop() }
///     … send to receiver.url …
///     let requests = await receiver.requests.first(1)
public final class TestReceiver: Sendable {
    public typealias Script = @Sendable (ReceivedRequest) -> [ReceiverStep]

    public let port: UInt16
    public let requests = TestCollector<ReceivedRequest>()
    /// The number of each connection, as it is accepted.
    public let connections = TestCollector<Int>()
    /// The number of each connection, as it ends.
    public let ended = TestCollector<Int>()

    private struct State {
        var isStopped = false
        var open: Set<Int32> = []
    }

    private let listener: Int32
    private let isOnV6: Bool
    private let state = Mutex(State())
    private let tls: TLSServerContext?
    private let greet: @Sendable (Int) -> ReceiverGreeting
    private let script: Script

    public var url: String { "\(tls == nil ? "http" : "https")://\(isOnV6 ? "[::1]" : "127.0.0.1"):\(port)/" }

    /// - Parameters:
    ///   - port: 0 takes a free one.
    ///   - onV6: Listens on ::1 instead of 127.0.0.1.
    ///   - tls: Speaks TLS with this identity.
    ///   - greeting: What is done with the n-th connection.
    ///   - script: What is done with each request.
    public init(
        port: UInt16 = 0, onV6: Bool = false, tls: TestTLSIdentity? = nil,
        greeting: @escaping @Sendable (Int) -> ReceiverGreeting = { _ in .read },
        script: @escaping Script
    ) throws {
        self.tls = try tls.map { try TLSServerContext($0) }
        self.greet = greeting
        self.script = script
        isOnV6 = onV6
        let listener = socket(onV6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        self.listener = listener
        var one: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        guard let bound = Self.bind(listener, port: port, onV6: onV6) else {
            close(listener)
            throw TestReceiverError(message: "cannot listen on port \(port): errno \(errno)")
        }
        self.port = bound
        TestThread { self.accept() }.detach()
    }

    /// Binds to a loopback address and listens; the port, or nil.
    private static func bind(_ listener: Int32, port: UInt16, onV6: Bool) -> UInt16? {
        // Both families have the port in the third and fourth byte.
        var address = [UInt8](repeating: 0, count: MemoryLayout<sockaddr_in6>.size)
        (address[2], address[3]) = (UInt8(port >> 8), UInt8(port & 0xFF))
        let family = sa_family_t(onV6 ? AF_INET6 : AF_INET)
        if onV6 { address[23] = 1 } else { (address[4], address[7]) = (127, 1) }
        var length = socklen_t(onV6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size)
        let isBound = address.withUnsafeMutableBytes { raw in
            raw.storeBytes(of: family, as: sa_family_t.self)
            let pointer = raw.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            return Glibc.bind(listener, pointer, length) == 0 && listen(listener, 1024) == 0
                && getsockname(listener, pointer, &length) == 0
        }
        return isBound ? UInt16(address[2]) << 8 | UInt16(address[3]) : nil
    }

    /// Closes the listener and every connection.
    public func stop() {
        state.withLock { state in
            guard !state.isStopped else { return }
            state.isStopped = true
            shutdown(listener, Int32(SHUT_RDWR))
            for descriptor in state.open { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    /// Ends every open connection (FIN) and goes on listening.
    public func closeConnections() {
        state.withLock { state in
            for descriptor in state.open { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    private func accept() {
        var number = 0
        while true {
            let descriptor = Glibc.accept(listener, nil, nil)
            guard descriptor >= 0 else {
                if errno == EINTR || errno == ECONNABORTED { continue }
                break
            }
            let admitted = state.withLock { state in
                guard !state.isStopped else { return false }
                state.open.insert(descriptor)
                return true
            }
            guard admitted else {
                close(descriptor)
                break
            }
            var one: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
            connections.append(number)
            let connection = number
            TestThread { self.serve(descriptor, connection) }.detach()
            number += 1
        }
        close(listener)
    }

    private func serve(_ descriptor: Int32, _ number: Int) {
        let channel = ReceiverChannel(descriptor: descriptor)
        var resets = false
        switch greet(number) {
        case .read:
            if let tls {
                if channel.startTLS(tls) { resets = answerRequests(channel, number) }
            } else {
                resets = answerRequests(channel, number)
            }
        case .hold: channel.waitForHangUp()
        case .close: break
        case .reset: resets = true
        }
        channel.endTLS(politely: !resets)
        if resets {
            var hard = linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &hard, socklen_t(MemoryLayout<linger>.size))
        }
        state.withLock { state in
            state.open.remove(descriptor)
            close(descriptor)
        }
        ended.append(number)
    }

    /// Whether the connection shall end with a reset.
    private func answerRequests(_ channel: ReceiverChannel, _ number: Int) -> Bool {
        var index = 0
        while let request = channel.readRequest(connection: number, index: index) {
            index += 1
            requests.append(request)
            for step in script(request) {
                switch step {
                case .send(let bytes): guard channel.write(bytes) else { return false }
                case .drip(let bytes, let milliseconds):
                    for byte in bytes {
                        guard channel.write([byte]), !channel.isHungUp(within: milliseconds) else { return false }
                    }
                case .endless(let bytes): while channel.write(bytes) {}
                case .hold: channel.waitForHangUp()
                case .wait(let gate): gate.wait(orHangUpOf: channel.descriptor)
                case .close: return false
                case .reset: return true
                }
            }
        }
        return false
    }
}

public struct TestReceiverError: Error {
    public let message: String
}
