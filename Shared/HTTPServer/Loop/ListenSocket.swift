internal import CMicroHTTPD
internal import Glibc

/// A listening TCP socket; closed by whoever ends up owning the descriptor.
enum ListenSocket {
    /// Listens on a numeric address.
    ///
    /// - Parameter shared: several sockets on one port, among which the kernel spreads the connections (SO_REUSEPORT).
    /// - Returns: the descriptor and the port, which is a free one for port 0.
    static func open(
        address: String, port: UInt16, backlog: Int, shared: Bool
    ) throws(HTTPServerError) -> (descriptor: Int32, port: UInt16) {
        var storage = sockaddr_storage()
        let length = try fill(&storage, address, port)
        let family = Int32(storage.ss_family)
        let descriptor = socket(
            family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw HTTPServerError(.resources, "no socket: \(text(errno))") }
        do {
            try set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
            if shared { try set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) }
            if family == AF_INET6 { try set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0) }
            try listen(descriptor, &storage, length, backlog, name: "\(address) port \(port)")
            return (descriptor, try boundPort(descriptor))
        } catch {
            close(descriptor)
            throw error
        }
    }

    private static func fill(
        _ storage: inout sockaddr_storage, _ address: String, _ port: UInt16
    ) throws(HTTPServerError) -> socklen_t {
        var v4 = sockaddr_in()
        var v6 = sockaddr_in6()
        if inet_pton(AF_INET, address, &v4.sin_addr) == 1 {
            v4.sin_family = sa_family_t(AF_INET)
            v4.sin_port = port.bigEndian
            withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: v4, as: sockaddr_in.self) }
            return socklen_t(MemoryLayout<sockaddr_in>.size)
        }
        if inet_pton(AF_INET6, address, &v6.sin6_addr) == 1 {
            v6.sin6_family = sa_family_t(AF_INET6)
            v6.sin6_port = port.bigEndian
            withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: v6, as: sockaddr_in6.self) }
            return socklen_t(MemoryLayout<sockaddr_in6>.size)
        }
        throw HTTPServerError(.configuration, "\(address) is not a numeric IP address")
    }

    private static func listen(
        _ descriptor: Int32, _ storage: inout sockaddr_storage, _ length: socklen_t, _ backlog: Int, name: String
    ) throws(HTTPServerError) {
        let bound = withUnsafePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        guard bound == 0 else { throw HTTPServerError(.listen, "cannot listen on \(name): \(text(errno))") }
        guard Glibc.listen(descriptor, Int32(clamping: backlog)) == 0 else {
            throw HTTPServerError(.listen, "cannot listen on \(name): \(text(errno))")
        }
    }

    private static func boundPort(_ descriptor: Int32) throws(HTTPServerError) -> UInt16 {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let found = withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard found == 0 else { throw HTTPServerError(.listen, "the port is not known: \(text(errno))") }
        return withUnsafePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { PeerAddress($0).port }
        }
    }

    private static func set(
        _ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32
    ) throws(HTTPServerError) {
        var value = value
        guard setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
            throw HTTPServerError(.resources, "a socket option was refused: \(text(errno))")
        }
    }

    private static func text(_ code: Int32) -> String { String(cString: strerror(code)) }
}
