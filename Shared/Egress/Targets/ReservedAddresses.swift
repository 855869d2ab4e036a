/// What no delivery connects to, from the IANA special-purpose registries (IPv4: RFC 6890 and successors, IPv6: only
/// global unicast 2000::/3 without its special parts) and the clouds' documentation of their metadata services.
enum ReservedAddresses {
    struct Entry: Sendable {
        let range: AddressRange
        let purpose: String
        /// An operator's own network: allowed when private targets are.
        let isPrivate: Bool
    }

    static let entries: [Entry] = [
        reserved("0.0.0.0/8", "this network"),
        reserved("10.0.0.0/8", "private network", isPrivate: true),
        reserved("100.64.0.0/10", "carrier-grade NAT", isPrivate: true),
        reserved("127.0.0.0/8", "loopback", isPrivate: true),
        reserved("169.254.0.0/16", "link-local"),
        reserved("172.16.0.0/12", "private network", isPrivate: true),
        reserved("192.0.0.0/24", "protocol assignments"),
        reserved("192.0.2.0/24", "documentation"),
        reserved("192.31.196.0/24", "AS112"),
        reserved("192.52.193.0/24", "AMT"),
        reserved("192.88.99.0/24", "6to4 relay"),
        reserved("192.168.0.0/16", "private network", isPrivate: true),
        reserved("192.175.48.0/24", "AS112"),
        reserved("198.18.0.0/15", "benchmarking", isPrivate: true),
        reserved("198.51.100.0/24", "documentation"),
        reserved("203.0.113.0/24", "documentation"),
        reserved("224.0.0.0/4", "multicast"),
        reserved("240.0.0.0/4", "reserved"),
        reserved("::1/128", "loopback", isPrivate: true),
        reserved("fc00::/7", "private network", isPrivate: true),
        reserved("2001::/23", "protocol assignments"),
        reserved("2001:db8::/32", "documentation"),
        reserved("2002::/16", "6to4"),
        reserved("2620:4f:8000::/48", "AS112"),
        reserved("3fff::/20", "documentation"),
    ].compactMap(\.self)

    /// Services that hand out credentials to whoever reaches them; refused whatever the operator allows.
    static let metadata: [AddressRange] = [
        "169.254.0.0/16",  // AWS, GCP, Azure, Oracle and most others; ECS and EKS use further addresses of the block
        "168.63.129.16/32",  // Azure WireServer, a public address
        "100.100.100.200/32",  // Alibaba Cloud
        "192.0.0.192/32",  // Oracle Cloud, classic
        "fd00:ec2::/32",  // AWS
        "fd20:ce::/32",  // GCP
        "fd00:c1::/32",  // Oracle Cloud
    ].compactMap { AddressRange($0) }

    /// IPv6 outside of global unicast is refused without being listed.
    static let globalUnicast = AddressRange(base: IPAddress(v6: 0x2000 << 112), length: 3)

    private static func reserved(_ range: String, _ purpose: String, isPrivate: Bool = false) -> Entry? {
        AddressRange(range).map { Entry(range: $0, purpose: purpose, isPrivate: isPrivate) }
    }
}
