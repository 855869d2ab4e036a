/// What a request may connect to: the reserved addresses, what the operator adds and takes away, denied names and ports.
///
/// The defaults are those of a service on the internet. Deny beats allow, and metadata services stay refused whatever is
/// allowed.
public struct AddressPolicy: Sendable {
    /// For development and trusted networks: loopback and private addresses, `localhost` and in-cluster names are
    /// targets too.
    public var allowsPrivateTargets: Bool
    /// `http://` beside `https://`.
    public var allowsPlainHTTP: Bool
    /// The operator's own networks (pods, services, nodes, own egress), refused beside the reserved addresses.
    public var denied: [AddressRange]
    /// Trusted targets inside otherwise refused networks.
    public var allowed: [AddressRange]
    /// The NAT64 prefix of the network (RFC 6052: a length of 32, 40, 48, 56, 64 or 96), for example `64:ff9b::/96`. An
    /// address in it is judged by the IPv4 address that it carries; without one, such addresses are refused.
    public var nat64: AddressRange?
    /// Ports of services that take harm from a stray request.
    public var deniedPorts: Set<UInt16>

    public init(
        allowsPrivateTargets: Bool = false, allowsPlainHTTP: Bool = false, denied: [AddressRange] = [],
        allowed: [AddressRange] = [], nat64: AddressRange? = nil, deniedPorts: Set<UInt16> = Self.defaultDeniedPorts
    ) {
        self.allowsPrivateTargets = allowsPrivateTargets
        self.allowsPlainHTTP = allowsPlainHTTP
        self.denied = denied
        self.allowed = allowed
        self.nat64 = nat64
        self.deniedPorts = deniedPorts
    }

    /// For one machine and for tests: plain HTTP and private targets are fine.
    public static let development = AddressPolicy(allowsPrivateTargets: true, allowsPlainHTTP: true)

    /// Mail, remote shells, file sharing, directories, databases, brokers, cluster control.
    public static let defaultDeniedPorts: Set<UInt16> = [
        1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 79, 87, 95, 101, 102, 103, 104, 109, 110,
        111, 113, 115, 117, 119, 123, 135, 137, 138, 139, 143, 161, 179, 389, 427, 445, 465, 512, 513, 514, 515, 526,
        530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 873, 989, 990, 993, 995, 1433, 1521, 1719, 1720, 1723,
        2049, 2181, 2375, 2376, 2379, 2380, 3306, 3389, 3659, 4045, 4369, 5060, 5061, 5432, 5672, 5900, 6379, 6380,
        9042, 9092, 9093, 9200, 9300, 10250, 10255, 11211, 27017, 27018,
    ]

    /// Why an address is refused; nil when it is not. An IPv4-mapped address is judged as the IPv4 address that it is.
    public func refusal(of address: IPAddress) -> AddressRefusal? {
        let address = address.unmapped
        if let nat64, nat64.contains(address) {
            guard let embedded = Self.embeddedV4(in: address, prefixLength: nat64.length) else {
                return AddressRefusal(address: address, reason: .reserved("NAT64 with an unusable prefix length"))
            }
            // The address itself may be denied as well as the one it carries.
            return denied.contains { $0.contains(address) }
                ? AddressRefusal(address: address, reason: .deniedByOperator) : refusal(of: embedded)
        }
        if ReservedAddresses.metadata.contains(where: { $0.contains(address) }) {
            return AddressRefusal(address: address, reason: .metadataService)
        }
        if denied.contains(where: { $0.contains(address) }) {
            return AddressRefusal(address: address, reason: .deniedByOperator)
        }
        if allowed.contains(where: { $0.contains(address) }) { return nil }
        if let entry = ReservedAddresses.entries.first(where: { $0.range.contains(address) }) {
            return entry.isPrivate && allowsPrivateTargets
                ? nil : AddressRefusal(address: address, reason: .reserved(entry.purpose))
        }
        if address.family == .v6, ReservedAddresses.globalUnicast?.contains(address) != true {
            return AddressRefusal(address: address, reason: .reserved("not global unicast"))
        }
        return nil
    }

    /// The first refusal among the addresses of a name: one forbidden address refuses the whole name, since nobody knows
    /// which of them a later connection would take.
    public func refusal(ofAny addresses: [IPAddress]) -> AddressRefusal? {
        for address in addresses {
            if let refusal = refusal(of: address) { return refusal }
        }
        return nil
    }

    /// Whether a name (lower case, without a final dot) is refused unseen. In-cluster names are left to the judgement of
    /// their addresses where the operator allows some.
    public func denies(name: String) -> Bool {
        if Self.metadataNames.contains(name) { return true }
        if allowsPrivateTargets { return false }
        if name == "localhost" || name.hasSuffix(".localhost") { return true }
        return allowed.isEmpty && Self.clusterSuffixes.contains { name.hasSuffix($0) || name == $0.dropFirst() }
    }

    private static let metadataNames: Set<String> = ["metadata.google.internal", "metadata.goog"]
    private static let clusterSuffixes = [".local", ".internal", ".svc", ".cluster.local"]

    /// RFC 6052 §2.2: the IPv4 address follows the prefix and leaves out bits 64–71.
    private static func embeddedV4(in address: IPAddress, prefixLength: Int) -> IPAddress? {
        let bits = address.bits
        switch prefixLength {
        case 96: return IPAddress(v4: UInt32(truncatingIfNeeded: bits))
        case 32, 40, 48, 56, 64:
            let before = 64 - prefixLength
            let high =
                before == 0 ? 0 : UInt32(truncatingIfNeeded: bits >> 64) & UInt32((UInt64(1) << UInt64(before)) - 1)
            let after = 32 - before
            let low =
                after == 0
                ? 0 : UInt32(truncatingIfNeeded: bits >> UInt128(56 - after)) & UInt32((UInt64(1) << UInt64(after)) - 1)
            return IPAddress(v4: UInt32(truncatingIfNeeded: UInt64(high) << UInt64(after)) | low)
        default: return nil
        }
    }
}

/// An address that the policy refuses, and why.
public struct AddressRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Reason: Hashable, Sendable {
        /// The purpose that the range is reserved for.
        case reserved(String)
        case metadataService
        case deniedByOperator
    }

    public let address: IPAddress
    public let reason: Reason

    public var description: String {
        switch reason {
        case .reserved(let purpose): "\(address) is not a public address (\(purpose))"
        case .metadataService: "\(address) is a metadata service"
        case .deniedByOperator: "\(address) is refused by the operator"
        }
    }
}
