import Testing

@testable import Addresses

@Suite struct IPAddressTests {
    @Test(arguments: [
        ("0.0.0.0", UInt32(0)), ("127.0.0.1", 0x7F00_0001), ("255.255.255.255", 0xFFFF_FFFF), ("8.8.4.4", 0x0808_0404),
    ])
    func `a dotted quad is read and written`(_ text: String, _ bits: UInt32) {
        #expect(IPAddress(text) == IPAddress(v4: bits))
        #expect(IPAddress(v4: bits).description == text)
    }

    @Test(arguments: [
        "", ".", "1", "1.2.3", "1.2.3.4.", ".1.2.3.4", "1.2.3.4.5", "1..3.4", "01.2.3.4", "1.2.3.00", "256.1.1.1",
        "1.2.3.999",
        "0x7f.0.0.1", "127.1", "2130706433", "0177.0.0.1", "+1.2.3.4", "1.2.3.4 ", "1.2.3.-4", "１.2.3.4", "1.2.3.4%25",
        "1000.1.1.1",
    ])
    func `loose IPv4 spellings are refused`(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(arguments: [
        ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("0:0:0:0:0:0:0:1", "::1"), ("2001:DB8::A", "2001:db8::a"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
        ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
        ("1:0:0:2:3:0:0:4", "1::2:3:0:0:4"), ("::ffff:1.2.3.4", "::ffff:102:304"),
        ("64:ff9b::8.8.8.8", "64:ff9b::808:808"),
        ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
    ])
    func `IPv6 is read in each form and written in one`(_ text: String, _ canonical: String) {
        let address = IPAddress(text)
        #expect(address?.family == .v6)
        #expect(address?.description == canonical)
        #expect(IPAddress(canonical) == address)
    }

    @Test(arguments: [
        ":", ":::", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7:",
        "12345::",
        "g::", "::1.2.3", "::1.2.3.4:5", "1.2.3.4::", "fe80::1%lo", "fe80::1%25lo", "[::1]", "1:2:3:4:5:6:7::8:9",
        "1:2:3:4:5:6:7:1.2.3.4", "::01.2.3.4", "1:2:3:4::5:6:7:8", " ::1",
    ])
    func `other IPv6 text is refused`(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func `only IPv4-mapped addresses are unwrapped`() {
        #expect(IPAddress("::ffff:127.0.0.1")?.unmapped == IPAddress("127.0.0.1"))
        #expect(IPAddress("::127.0.0.1")?.unmapped == IPAddress("::7f00:1"))
        #expect(IPAddress("1::ffff:127.0.0.1")?.unmapped == IPAddress("1::ffff:7f00:1"))
    }

    @Test func `bytes in network order`() {
        #expect(IPAddress(networkBytes: [127, 0, 0, 1] as [UInt8]) == IPAddress("127.0.0.1"))
        #expect(IPAddress(networkBytes: [UInt8](repeating: 0, count: 15) + [1]) == IPAddress("::1"))
        #expect(IPAddress(networkBytes: [1, 2, 3] as [UInt8]) == nil)
    }

    @Test(arguments: ["10.0.0.0/8", "0.0.0.0/0", "1.2.3.4/32", "::/0", "2001:db8::/32", "::1/128"])
    func `a range is read and written`(_ text: String) {
        #expect(AddressRange(text)?.description == text)
    }

    @Test(arguments: [
        "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "/8", "10.0.0.0/8/8", "::1/64", "::/129", "10.0/8",
    ])
    func `other ranges are refused`(_ text: String) {
        #expect(AddressRange(text) == nil)
    }

    @Test func `a range ends where it ends`() throws {
        let range = try #require(AddressRange("172.16.0.0/12"))
        #expect(range.last == IPAddress("172.31.255.255"))
        #expect(!range.contains(IPAddress(v4: 0xAC0F_FFFF)))
        #expect(range.contains(IPAddress(v4: 0xAC10_0000)))
        #expect(range.contains(IPAddress(v4: 0xAC1F_FFFF)))
        #expect(!range.contains(IPAddress(v4: 0xAC20_0000)))
        #expect(!range.contains(IPAddress(v6: 0xAC10_0000)))
        #expect(AddressRange("0.0.0.0/0")?.contains(IPAddress(v4: .max)) == true)
        #expect(AddressRange("::/0")?.last == IPAddress(v6: .max))
    }
}
