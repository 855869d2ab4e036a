public import Addresses
internal import HTTPServer

/// Whose word on a request's origin is believed: that of proxies at configured addresses, nobody else's.
public struct ProxyTrust: Sendable {
    private let proxies: [AddressRange]
    private let certificateHeader: String

    /// - Parameter certificateHeader: Where a proxy tells the subject of a client's certificate.
    public init(proxies: [AddressRange] = [], certificateHeader: String = "X-Client-Cert-Subject") {
        self.proxies = proxies
        self.certificateHeader = certificateHeader
    }

    /// Where the request comes from: the peer, or what trusted proxies say of whoever spoke to them.
    func source(of head: RequestHead) -> IPAddress? {
        guard let peer = IPAddress(networkBytes: head.peer.bytes)?.unmapped else { return nil }
        guard isTrusted(peer) else { return peer }
        let forwarded = Self.hops(head.headers.values("Forwarded"), named: true)
        let plain = Self.hops(head.headers.values("X-Forwarded-For"), named: false)
        switch (forwarded.isEmpty, plain.isEmpty) {
        case (true, true): return peer
        case (false, true): return first(of: forwarded, behind: peer)
        case (true, false): return first(of: plain, behind: peer)
        case (false, false):
            // A proxy writes one of them, and passes the other on from whoever likes to be believed.
            let (one, other) = (first(of: forwarded, behind: peer), first(of: plain, behind: peer))
            return one == other ? one : peer
        }
    }

    /// The subject of the client's certificate, as a trusted proxy tells it.
    func certificateSubject(of head: RequestHead) -> String? {
        guard let peer = IPAddress(networkBytes: head.peer.bytes)?.unmapped, isTrusted(peer) else { return nil }
        let values = head.headers.values(certificateHeader)
        return values.count == 1 ? values[0] : nil
    }

    private func isTrusted(_ address: IPAddress) -> Bool { proxies.contains { $0.contains(address) } }

    /// Each hop was written by the one behind it: from the right, as long as that one is believed.
    private func first(of hops: [IPAddress?], behind peer: IPAddress) -> IPAddress {
        var source = peer
        for hop in hops.reversed() {
            guard isTrusted(source), let hop else { break }
            source = hop
        }
        return source
    }

    /// The addresses of all header lines, the nearest hop last; nil for what is no address (RFC 7239 §6: `unknown`, `_hidden`).
    private static func hops(_ lines: [String], named: Bool) -> [IPAddress?] {
        lines.flatMap { $0.split(separator: ",") }.map { element in
            guard named else { return address(trim(element)) }
            let pair = element.split(separator: ";").map(trim).first { $0.prefix(4).lowercased() == "for=" }
            return pair.flatMap { address(trim($0.dropFirst(4), also: "\"")) }
        }
    }

    /// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
    private static func address(_ text: Substring) -> IPAddress? {
        if text.hasPrefix("[") {
            return text.firstIndex(of: "]").flatMap { IPAddress(text.dropFirst()[..<$0])?.unmapped }
        }
        if let whole = IPAddress(text) { return whole.unmapped }
        return text.firstIndex(of: ":").flatMap { IPAddress(text[..<$0]) }
    }

    private static func trim(_ text: Substring) -> Substring { trim(text, also: " ") }

    private static func trim(_ text: Substring, also other: Character) -> Substring {
        var text = text.drop { $0 == " " || $0 == "\t" || $0 == other }
        while let last = text.last, last == " " || last == "\t" || last == other { text.removeLast() }
        return text
    }
}
