import EventModel
import Testing

@testable import Egress

@Suite struct AddressPolicyTests {
    private static let deniedV4 = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    ].compactMap { AddressRange($0) }

    private static let deniedV6 = [
        "::/3", "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "4000::/2", "8000::/1",
    ].compactMap { AddressRange($0) }

    /// The ends of a range, what lies beside them inside, and a thousand addresses spread over it.
    private static func samples(of range: AddressRange) -> [IPAddress] {
        let first = range.base.bits
        let size = range.last.bits - first
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        var offsets: [UInt128] = [0, min(1, size), size, size - min(1, size), size / 2]
        for _ in 0..<1000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let wide = UInt128(state) << 64 | UInt128(state.byteSwapped)
            offsets.append(size == .max ? wide : wide % (size + 1))
        }
        return offsets.map { offset in
            range.base.family == .v4 ? IPAddress(v4: UInt32(first + offset)) : IPAddress(v6: first + offset)
        }
    }

    @Test(arguments: deniedV4)
    func `every IPv4 address of a denied range is refused in each of its forms`(_ range: AddressRange) throws {
        let policy = AddressPolicy()
        var natPolicy = AddressPolicy()
        natPolicy.nat64 = AddressRange("64:ff9b::/96")
        for address in Self.samples(of: range) {
            let bits = address.bits
            let mapped = IPAddress(v6: 0xFFFF << 32 | bits)
            let sixToFour = IPAddress(v6: UInt128(0x2002) << 112 | bits << 80 | 1)
            let nat64 = IPAddress(v6: UInt128(0x0064_FF9B) << 96 | bits)
            let compatible = IPAddress(v6: bits)
            for form in [address, mapped, sixToFour, nat64, compatible] {
                #expect(policy.refusal(of: form) != nil, "\(form)")
                #expect(natPolicy.refusal(of: form) != nil, "\(form)")
            }
        }
    }

    @Test(arguments: deniedV6)
    func `every IPv6 address of a denied range is refused`(_ range: AddressRange) {
        for address in Self.samples(of: range) where address.unmapped == address {
            #expect(AddressPolicy().refusal(of: address) != nil, "\(address)")
        }
    }

    @Test(arguments: [
        "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
        "168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
        "2000::", "2001:200::", "2001:db7:ffff::", "2001:db9::", "2003::", "2606:4700::1111", "3ffe:ffff::",
        "::ffff:8.8.8.8",
    ])
    func `the neighbours of denied ranges are public`(_ text: String) throws {
        #expect(AddressPolicy().refusal(of: try #require(IPAddress(text))) == nil)
    }

    @Test func `one forbidden address refuses all`() throws {
        let addresses = try ["8.8.8.8", "2606:4700::1111", "::1"].map { try #require(IPAddress($0)) }
        #expect(AddressPolicy().refusal(ofAny: addresses)?.address == IPAddress("::1"))
        #expect(AddressPolicy().refusal(ofAny: Array(addresses.prefix(2))) == nil)
        #expect(AddressPolicy().refusal(ofAny: []) == nil)
    }

    @Test(arguments: [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd00::2", "198.18.0.1",
    ])
    func `development reaches private addresses`(_ text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(AddressPolicy().refusal(of: address) != nil)
        #expect(AddressPolicy.development.refusal(of: address) == nil)
    }

    @Test(arguments: [
        "169.254.169.254", "169.254.170.2", "::ffff:169.254.169.254", "168.63.129.16", "100.100.100.200",
        "fd00:ec2::254",
        "fd20:ce::254", "fe80::a9fe:a9fe", "0.0.0.0", "224.0.0.1", "255.255.255.255", "2002:7f00:1::",
        "64:ff9b::7f00:1",
    ])
    func `development does not reach metadata services and odd addresses`(_ text: String) throws {
        #expect(AddressPolicy.development.refusal(of: try #require(IPAddress(text))) != nil)
    }

    @Test func `the operator allows and denies networks`() throws {
        var policy = AddressPolicy()
        policy.allowed = try ["10.8.0.0/16", "169.254.0.0/16", "0.0.0.0/0"].map { try #require(AddressRange($0)) }
        policy.denied = try ["10.8.1.0/24", "93.184.0.0/16"].map { try #require(AddressRange($0)) }
        func reason(_ text: String) throws -> AddressRefusal.Reason? {
            policy.refusal(of: try #require(IPAddress(text)))?.reason
        }
        #expect(try reason("10.8.0.1") == nil)
        #expect(try reason("::ffff:10.8.0.1") == nil)
        #expect(try reason("10.8.1.1") == .deniedByOperator)
        #expect(try reason("93.184.216.34") == .deniedByOperator)
        #expect(try reason("169.254.169.254") == .metadataService)
        #expect(try reason("168.63.129.16") == .metadataService)
    }

    @Test(arguments: [
        ("64:ff9b::/96", "64:ff9b::808:808", true), ("64:ff9b::/96", "64:ff9b::7f00:1", false),
        ("64:ff9b::/96", "64:ff9b:1::808:808", false), ("2001:db8::/32", "2001:db8:808:808::", true),
        ("2001:db8::/32", "2001:db8:7f00:1::", false), ("2001:db8:100::/40", "2001:db8:108:808:8::", true),
        ("2001:db8:100::/40", "2001:db8:17f:0:1::", false), ("2001:db8:122::/48", "2001:db8:122:808:8:800::", true),
        ("2001:db8:122::/48", "2001:db8:122:7f00:0:100::", false),
        ("2001:db8:122:300::/56", "2001:db8:122:308:8:808::", true),
        ("2001:db8:122:300::/56", "2001:db8:122:37f:0:1::", false),
        ("2001:db8:122:344::/64", "2001:db8:122:344:8:808:800::", true),
        ("2001:db8:122:344::/64", "2001:db8:122:344:7f:0:100::", false), ("2001:db8::/33", "2001:db8:808:808::", false),
    ])
    func `an address behind NAT64 is judged by the one it carries`(_ prefix: String, _ text: String, _ isPublic: Bool)
        throws
    {
        var policy = AddressPolicy()
        policy.nat64 = AddressRange(prefix)
        #expect((policy.refusal(of: try #require(IPAddress(text))) == nil) == isPublic)
    }

    @Test func `names of the machine and the cluster are refused`() throws {
        var trusting = AddressPolicy()
        trusting.allowed = [try #require(AddressRange("10.0.0.0/8"))]
        for name in ["localhost", "a.localhost"] {
            #expect(AddressPolicy().denies(name: name))
            #expect(trusting.denies(name: name))
            #expect(!AddressPolicy.development.denies(name: name))
        }
        for name in [
            "printer.local", "vault.internal", "kubernetes.default.svc", "a.b.svc.cluster.local", "svc", "internal",
        ] {
            #expect(AddressPolicy().denies(name: name))
            #expect(!trusting.denies(name: name))
            #expect(!AddressPolicy.development.denies(name: name))
        }
        for policy in [AddressPolicy(), trusting, .development] {
            #expect(policy.denies(name: "metadata.google.internal"))
            #expect(!policy.denies(name: "example.com"))
            #expect(!policy.denies(name: "notlocalhost"))
            #expect(!policy.denies(name: "mylocal"))
        }
    }
}
