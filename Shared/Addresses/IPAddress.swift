/// An IPv4 or IPv6 address as a number. Text is read strictly, so that what we judge is what the kernel connects to:
/// no octal, hexadecimal or short IPv4 forms, no zone ids.
public struct IPAddress: Hashable, Sendable {
    public enum Family: Sendable {
        case v4, v6
    }

    public let family: Family
    /// The address in network order, in the low 32 bits for IPv4.
    public let bits: UInt128

    public init(v4 bits: UInt32) {
        self.family = .v4
        self.bits = UInt128(bits)
    }

    public init(v6 bits: UInt128) {
        self.family = .v6
        self.bits = bits
    }

    /// Four bytes are an IPv4 address, sixteen an IPv6 one, in network order; nil for another count.
    public init?(networkBytes bytes: some Collection<UInt8>) {
        let bits = bytes.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
        switch bytes.count {
        case 4: self.init(v4: UInt32(bits))
        case 16: self.init(v6: bits)
        default: return nil
        }
    }

    /// The IPv4 address inside an IPv4-mapped one (`::ffff:a.b.c.d`, RFC 4291 §2.5.5.2), which the kernel connects to
    /// as if it were IPv4; else the address itself.
    public var unmapped: IPAddress {
        guard family == .v6, bits >> 32 == 0xFFFF else { return self }
        return IPAddress(v4: UInt32(truncatingIfNeeded: bits))
    }
}

extension IPAddress {
    /// Reads a strict dotted quad (four decimals of 0–255 without leading zeros) or an IPv6 address of RFC 4291 §2.2
    /// without brackets and zone; nil for anything else.
    public init?(_ text: some StringProtocol) {
        self.init(utf8: Array(text.utf8)[...])
    }

    /// As `init?(_:)`, for bytes that are text.
    public init?(utf8 text: ArraySlice<UInt8>) {
        if text.contains(UInt8(ascii: ":")) {
            guard let bits = Self.readV6(text) else { return nil }
            self.init(v6: bits)
        } else {
            guard let bits = Self.readV4(text) else { return nil }
            self.init(v4: bits)
        }
    }

    private static func readV4(_ text: ArraySlice<UInt8>) -> UInt32? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0") else { return nil }
            var value: UInt32 = 0
            for byte in part {
                guard (0x30...0x39).contains(byte) else { return nil }
                value = value * 10 + UInt32(byte - 0x30)
            }
            guard value <= 255 else { return nil }
            bits = bits << 8 | value
        }
        return bits
    }

    private static func readV6(_ text: ArraySlice<UInt8>) -> UInt128? {
        guard text.count <= 45 else { return nil }
        let colon = UInt8(ascii: ":")
        guard let gap = text.indices.dropLast().first(where: { text[$0] == colon && text[$0 + 1] == colon }) else {
            guard let groups = readGroups(text), groups.count == 8 else { return nil }
            return groups.reduce(0) { $0 << 16 | UInt128($1) }
        }
        guard let left = readGroups(text[..<gap], mayEndInV4: false), let right = readGroups(text[(gap + 2)...]),
            left.count + right.count <= 7
        else { return nil }
        let high = left.reduce(UInt128(0)) { $0 << 16 | UInt128($1) }
        let low = right.reduce(UInt128(0)) { $0 << 16 | UInt128($1) }
        return left.isEmpty ? low : high << UInt128(16 * (8 - left.count)) | low
    }

    /// Groups of 16 bits; the last may be a dotted quad, which counts as two.
    private static func readGroups(_ text: ArraySlice<UInt8>, mayEndInV4: Bool = true) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        var groups: [UInt16] = []
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if part.contains(UInt8(ascii: ".")) {
                guard mayEndInV4, index == parts.count - 1, let quad = readV4(part) else { return nil }
                groups.append(UInt16(quad >> 16))
                groups.append(UInt16(truncatingIfNeeded: quad))
            } else {
                guard (1...4).contains(part.count) else { return nil }
                var value: UInt16 = 0
                for byte in part {
                    guard let digit = hexadecimalValue(byte) else { return nil }
                    value = value << 4 | UInt16(digit)
                }
                groups.append(value)
            }
        }
        return groups.count <= 8 ? groups : nil
    }
}

extension IPAddress: CustomStringConvertible {
    /// The canonical text: a dotted quad, or RFC 5952 (lower case, the longest run of zero groups shortened).
    public var description: String {
        switch family {
        case .v4: Self.writeV4(UInt32(truncatingIfNeeded: bits))
        case .v6: Self.writeV6((0..<8).map { UInt16(truncatingIfNeeded: bits >> UInt128(112 - 16 * $0)) })
        }
    }

    /// As it stands in a URL: IPv6 in brackets.
    public var urlHost: String {
        family == .v6 ? "[\(description)]" : description
    }

    private static func writeV4(_ bits: UInt32) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(15)
        for shift in [24, 16, 8, 0] as [UInt32] {
            if !text.isEmpty { text.append(0x2E) }
            let part = UInt8(truncatingIfNeeded: bits >> shift)
            if part >= 100 { text.append(0x30 + part / 100) }
            if part >= 10 { text.append(0x30 + part / 10 % 10) }
            text.append(0x30 + part % 10)
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func writeV6(_ groups: [UInt16]) -> String {
        var longest = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            // RFC 5952 §4.2.2: a single zero group is not shortened; of equal runs the first one is.
            if end - start > max(longest.count, 1) { longest = start..<end }
            start = max(end, start + 1)
        }
        let text = { (groups: ArraySlice<UInt16>) in groups.map { String($0, radix: 16) }.joined(separator: ":") }
        guard !longest.isEmpty else { return text(groups[...]) }
        return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
    }
}

/// The value of a hexadecimal digit of either case.
package func hexadecimalValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
}
