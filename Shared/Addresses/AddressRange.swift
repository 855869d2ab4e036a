/// A block of addresses in CIDR notation.
public struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    public let base: IPAddress
    /// Leading bits that count: 0–32 for IPv4, 0–128 for IPv6.
    public let length: Int
    private let mask: UInt128

    /// - Parameters:
    ///   - base: The first address; bits beyond `length` must be zero, so that a typing error does not widen a rule.
    ///   - length: Leading bits that count.
    public init?(base: IPAddress, length: Int) {
        let width = base.family == .v4 ? 32 : 128
        guard (0...width).contains(length) else { return nil }
        let all: UInt128 = base.family == .v4 ? 0xFFFF_FFFF : .max
        let mask = length == 0 ? 0 : all << UInt128(width - length) & all
        guard base.bits & ~mask == 0 else { return nil }
        self.base = base
        self.length = length
        self.mask = mask
    }

    /// Reads `ADDRESS/LENGTH`; an address alone is a range of one. Nil for anything else.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let base = IPAddress(parts[0]) else { return nil }
        guard parts.count == 2 else {
            self.init(base: base, length: base.family == .v4 ? 32 : 128)
            return
        }
        guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let length = Int(parts[1])
        else { return nil }
        self.init(base: base, length: length)
    }

    public func contains(_ address: IPAddress) -> Bool {
        address.family == base.family && address.bits & mask == base.bits
    }

    /// The last address of the block.
    public var last: IPAddress {
        switch base.family {
        case .v4: IPAddress(v4: UInt32(truncatingIfNeeded: base.bits | ~mask))
        case .v6: IPAddress(v6: base.bits | ~mask)
        }
    }

    public var description: String { "\(base)/\(length)" }
}
