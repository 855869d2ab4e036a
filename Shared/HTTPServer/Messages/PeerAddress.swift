internal import CMicroHTTPD
internal import Glibc

/// The address a connection came from: the load balancer's, where there is one.
public struct PeerAddress: Sendable, Hashable, CustomStringConvertible {
    /// 4 or 16 bytes in network order; an IPv4-mapped IPv6 address is given as IPv4. Empty where unknown.
    public let bytes: [UInt8]
    public let port: UInt16

    public init(bytes: [UInt8], port: UInt16) {
        self.bytes = bytes
        self.port = port
    }

    /// The address as text without the port, `127.0.0.1` or `2001:db8::1`; empty where unknown.
    public var description: String {
        let family: Int32
        switch bytes.count {
        case 4: family = AF_INET
        case 16: family = AF_INET6
        default: return ""
        }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
            guard let start = text.baseAddress,
                inet_ntop(family, bytes, start, socklen_t(text.count)) != nil
            else { return "" }
            return String(cString: start)
        }
    }
}

extension PeerAddress {
    static let unknown = PeerAddress(bytes: [], port: 0)
    /// What precedes the IPv4 address in an IPv4-mapped one (RFC 4291 §2.5.5.2).
    private static let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]

    init(_ address: UnsafePointer<sockaddr>) {
        let raw = UnsafeRawPointer(address)
        switch Int32(address.pointee.sa_family) {
        case AF_INET:
            let value = raw.loadUnaligned(as: sockaddr_in.self)
            self.init(
                bytes: withUnsafeBytes(of: value.sin_addr) { Array($0) }, port: UInt16(bigEndian: value.sin_port))
        case AF_INET6:
            let value = raw.loadUnaligned(as: sockaddr_in6.self)
            let bytes = withUnsafeBytes(of: value.sin6_addr) { Array($0) }
            let mapped = bytes.starts(with: PeerAddress.mappedPrefix)
            self.init(bytes: mapped ? Array(bytes[12...]) : bytes, port: UInt16(bigEndian: value.sin6_port))
        default:
            self = .unknown
        }
    }
}
