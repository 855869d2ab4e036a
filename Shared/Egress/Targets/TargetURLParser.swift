/// The grammar: `scheme "://" host [":" port] [path] ["?" query]`, printable ASCII throughout, and nothing optional that
/// could be read in two ways.
struct TargetURLParser {
    private let bytes: [UInt8]

    init(_ text: String) throws(TargetURLError) {
        bytes = Array(text.utf8)
        guard !bytes.isEmpty else { throw TargetURLError(.length, "the URL is empty") }
        guard bytes.count <= TargetURL.maximumLength else {
            throw TargetURLError(.length, "the URL has more than \(TargetURL.maximumLength) bytes")
        }
    }

    mutating func parse(policy: AddressPolicy) throws(TargetURLError) -> TargetURL.Parts {
        try checkCharacters()
        let (scheme, authorityStart) = try parseScheme(allowsPlainHTTP: policy.allowsPlainHTTP)
        let rest = bytes[authorityStart...]
        let pathStart = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
        let authority = rest[..<pathStart]
        guard !authority.contains(UInt8(ascii: "@")) else {
            throw TargetURLError(.userinfo, "the URL must not carry a user or password")
        }
        let (hostBytes, portBytes) = try splitAuthority(authority)
        let host = try parseHost(hostBytes)
        let port = try portBytes.map(parsePort) ?? scheme.defaultPort
        try judge(host, port: port, policy: policy)
        return TargetURL.Parts(
            scheme: scheme, host: host, port: port, pathAndQuery: try parsePath(rest[pathStart...]))
    }

    private func checkCharacters() throws(TargetURLError) {
        for byte in bytes {
            switch byte {
            case 0x80...: throw TargetURLError(.character, "the URL must be ASCII: write other names in punycode")
            case 0x20: throw TargetURLError(.character, "the URL must not contain spaces")
            case ..<0x20, 0x7F: throw TargetURLError(.character, "the URL must not contain control characters")
            case UInt8(ascii: "\\"): throw TargetURLError(.character, "the URL must not contain a backslash")
            case UInt8(ascii: "#"): throw TargetURLError(.fragment, "the URL must not have a fragment")
            default: continue
            }
        }
    }

    private func parseScheme(allowsPlainHTTP: Bool) throws(TargetURLError) -> (TargetURL.Scheme, Int) {
        let separator = Array("://".utf8)
        let required = allowsPlainHTTP ? "https:// or http://" : "https://"
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: separator),
            let scheme = TargetURL.Scheme(rawValue: Self.lowercased(bytes[..<colon]))
        else { throw TargetURLError(.scheme, "the URL must start with \(required)") }
        guard scheme == .https || allowsPlainHTTP else {
            throw TargetURLError(.scheme, "plain http is not allowed here: the URL must start with https://")
        }
        return (scheme, colon + separator.count)
    }

    private func splitAuthority(
        _ authority: ArraySlice<UInt8>
    ) throws(TargetURLError) -> (host: ArraySlice<UInt8>, port: ArraySlice<UInt8>?) {
        let colon = UInt8(ascii: ":")
        if authority.first == UInt8(ascii: "[") {
            guard let end = authority.firstIndex(of: UInt8(ascii: "]")) else {
                throw TargetURLError(.host, "the IPv6 address has no closing bracket")
            }
            let after = authority[(end + 1)...]
            guard after.isEmpty || after.first == colon else {
                throw TargetURLError(.host, "only a port may follow an IPv6 address")
            }
            return (authority[...end], after.isEmpty ? nil : after.dropFirst())
        }
        guard let first = authority.firstIndex(of: colon) else { return (authority, nil) }
        return (authority[..<first], authority[(first + 1)...])
    }

    private func parsePort(_ text: ArraySlice<UInt8>) throws(TargetURLError) -> UInt16 {
        guard (1...5).contains(text.count), text.first != UInt8(ascii: "0"),
            text.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = UInt16(String(decoding: text, as: UTF8.self))
        else { throw TargetURLError(.port, "the port must be a number from 1 to 65535") }
        return port
    }

    private func parseHost(_ text: ArraySlice<UInt8>) throws(TargetURLError) -> TargetURL.Host {
        guard !text.isEmpty else { throw TargetURLError(.host, "the URL has no host") }
        if text.first == UInt8(ascii: "[") {
            guard let address = IPAddress(utf8: text.dropFirst().dropLast()), address.family == .v6 else {
                throw TargetURLError(.host, "what stands in brackets is not an IPv6 address")
            }
            guard address.unmapped == address else {
                throw TargetURLError(.host, "write \(address.unmapped) instead of the IPv4-mapped address")
            }
            return .address(address)
        }
        let name = text.last == UInt8(ascii: ".") ? text.dropLast() : text
        guard name.count <= 253 else { throw TargetURLError(.host, "the host has more than 253 characters") }
        let labels = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        for label in labels { try checkLabel(label) }
        if let last = labels.last, Self.looksNumeric(last) {
            // glibc would take 2130706433, 0x7f.1 and 0177.0.0.1 for addresses; only one spelling is left.
            guard text.count == name.count, let address = IPAddress(utf8: name) else {
                throw TargetURLError(.host, "an IPv4 address must be four decimal numbers of 0 to 255")
            }
            return .address(address)
        }
        return .name(Self.lowercased(name))
    }

    private func checkLabel(_ label: ArraySlice<UInt8>) throws(TargetURLError) {
        guard !label.isEmpty else { throw TargetURLError(.host, "the host has an empty label") }
        guard label.count <= 63 else {
            throw TargetURLError(.host, "a part of the host has more than 63 characters")
        }
        let hyphen = UInt8(ascii: "-")
        let isValid = label.allSatisfy { byte in
            switch byte {
            // The underscore is no host name by RFC 952, and found in real ones.
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, hyphen, UInt8(ascii: "_"): true
            default: false
            }
        }
        guard isValid, label.first != hyphen, label.last != hyphen else {
            throw TargetURLError(.host, "the host may consist of letters, digits, hyphens and dots only")
        }
    }

    private static func looksNumeric(_ label: ArraySlice<UInt8>) -> Bool {
        if label.allSatisfy({ (0x30...0x39).contains($0) }) { return true }
        return label.count >= 2 && label.first == UInt8(ascii: "0")
            && label[label.startIndex + 1] | 0x20 == UInt8(ascii: "x")
    }

    private func judge(_ host: TargetURL.Host, port: UInt16, policy: AddressPolicy) throws(TargetURLError) {
        switch host {
        case .address(let address):
            if let refusal = policy.refusal(of: address) { throw TargetURLError(.address, "\(refusal)") }
        case .name(let name):
            guard !policy.denies(name: name) else { throw TargetURLError(.name, "the host \(name) is not allowed") }
        }
        guard !policy.deniedPorts.contains(port) else {
            throw TargetURLError(.port, "port \(port) is not allowed")
        }
    }

    private func parsePath(_ text: ArraySlice<UInt8>) throws(TargetURLError) -> String {
        var index = text.startIndex
        while index < text.endIndex {
            switch text[index] {
            case UInt8(ascii: "%"):
                guard index + 2 < text.endIndex, hexadecimalValue(text[index + 1]) != nil,
                    hexadecimalValue(text[index + 2]) != nil
                else { throw TargetURLError(.path, "a percent sign must be followed by two hexadecimal digits") }
                index += 3
            case UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "`"), UInt8(ascii: "{"),
                UInt8(ascii: "}"), UInt8(ascii: "|"), UInt8(ascii: "^"):
                throw TargetURLError(.path, "the characters \" < > ` { } | ^ must be percent-encoded")
            default: index += 1
            }
        }
        let path = String(decoding: text, as: UTF8.self)
        return path.utf8.first == UInt8(ascii: "/") ? path : "/" + path
    }

    private static func lowercased(_ text: ArraySlice<UInt8>) -> String {
        String(decoding: text.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }
}
