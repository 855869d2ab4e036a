internal import CLinux
internal import Glibc

/// getaddrinfo: blocks for as long as the name servers take, at most about `tries × seconds` a server.
enum SystemLookup {
    /// How long a name server has for one try, in seconds; glibc's own 5 would keep a thread for 10 s and more.
    private static let secondsPerTry: Int32 = 2
    private static let tries: Int32 = 2

    /// All addresses of the name, IPv4 and IPv6 whatever the machine itself has: an address that we could not reach may
    /// still be a forbidden one, and forbids the name.
    static func addresses(of name: String) -> Result<[IPAddress], ResolveError> {
        linux_limit_resolver(secondsPerTry, tries)
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(name, nil, &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        guard code == 0 else {
            let text = "\(name): \(String(cString: gai_strerror(code)))"
            return .failure(ResolveError(Self.absent.contains(code) ? .notFound : .failed, text))
        }
        var addresses: [IPAddress] = []
        var next = list
        while let entry = next?.pointee {
            if let pointer = entry.ai_addr, let address = IPAddress(socketAddress: pointer),
                !addresses.contains(address)
            {
                addresses.append(address)
            }
            next = entry.ai_next
        }
        guard !addresses.isEmpty else { return .failure(ResolveError(.notFound, "\(name) has no address")) }
        return .success(addresses)
    }

    /// EAI_NONAME, and EAI_NODATA, which glibc declares for GNU sources only.
    private static let absent: Set<Int32> = [EAI_NONAME, -5]
}

extension IPAddress {
    /// From what the kernel or getaddrinfo gives; nil for other families.
    init?(socketAddress: UnsafePointer<sockaddr>) {
        switch Int32(socketAddress.pointee.sa_family) {
        case AF_INET:
            let bits = UnsafeRawPointer(socketAddress).loadUnaligned(
                fromByteOffset: 4, as: UInt32.self)
            self.init(v4: UInt32(bigEndian: bits))
        case AF_INET6:
            let bits = UnsafeRawPointer(socketAddress).loadUnaligned(fromByteOffset: 8, as: UInt128.self)
            self.init(v6: UInt128(bigEndian: bits))
        default: return nil
        }
    }
}
