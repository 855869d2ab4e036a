/// A URL that requests may be sent to: parsed once by a strict grammar of our own, kept in its canonical form.
///
/// Other parsers are lenient in ways that hide the real target: glibc reads `0x7f.1` as an address, Foundation
/// normalises full-width digits and reads `https://example.com\@127.0.0.1/` as 127.0.0.1. What is not plainly one thing
/// is refused here.
public struct TargetURL: Sendable {
    public enum Scheme: String, Sendable {
        case http, https

        var defaultPort: UInt16 { self == .https ? 443 : 80 }
    }

    public enum Host: Hashable, Sendable {
        /// Lower case, without a final dot; an internationalised name is in punycode.
        case name(String)
        case address(IPAddress)
    }

    /// Longest URL that is read, in bytes.
    public static let maximumLength = 2048

    public var scheme: Scheme { parts.scheme }
    public var host: Host { parts.host }
    public var port: UInt16 { parts.port }
    /// Starts with `/`; never empty.
    public var pathAndQuery: String { parts.pathAndQuery }
    /// The canonical form: lower-case scheme and host, no default port, at least `/` as path.
    public var text: String { parts.text }

    /// One reference, since exchanges are copied by the hundred.
    let parts: Parts

    final class Parts: Sendable {
        let scheme: Scheme
        let host: Host
        let port: UInt16
        let pathAndQuery: String
        let text: String
        /// Where to connect to, as a URL.
        let origin: String
        /// How the head of a request begins, behind the method.
        let headStart: [UInt8]
        /// Equal for equal origins: which thread and which lane send there.
        let threadHash: Int
        let laneHash: Int

        init(scheme: Scheme, host: Host, port: UInt16, pathAndQuery: String) {
            self.scheme = scheme
            self.host = host
            self.port = port
            self.pathAndQuery = pathAndQuery
            let hostText =
                switch host {
                case .name(let name): name
                case .address(let address): address.urlHost
                }
            let portText = port == scheme.defaultPort ? "" : ":\(port)"
            let authority = hostText + portText
            self.origin = "\(scheme.rawValue)://\(authority)/"
            self.headStart = Array("\(pathAndQuery) HTTP/1.1\r\nHost: \(authority)".utf8)
            var hasher = Hasher()
            hasher.combine(scheme)
            hasher.combine(host)
            hasher.combine(port)
            let hash = UInt(bitPattern: hasher.finalize())
            self.threadHash = Int(hash >> 40)
            self.laneHash = Int(hash & 0xFFFF_FFFF)
            self.text = "\(scheme.rawValue)://\(authority)\(pathAndQuery)"
        }
    }

    /// Reads a URL and judges what can be judged without a look-up: scheme, port, literal addresses, denied names.
    public init(_ text: String, policy: AddressPolicy) throws(TargetURLError) {
        var parser = try TargetURLParser(text)
        self.parts = try parser.parse(policy: policy)
    }
}

extension TargetURL: Hashable, CustomStringConvertible {
    public static func == (left: TargetURL, right: TargetURL) -> Bool {
        left.parts === right.parts || left.parts.text == right.parts.text
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(parts.text)
    }

    public var description: String { parts.text }
}

/// Why a URL is no target. The message is meant for the person who typed the URL.
public struct TargetURLError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        case length, character, scheme, userinfo, fragment, host, port, path
        /// A literal address that the policy refuses.
        case address
        /// A name that the policy refuses.
        case name
    }

    public let code: Code
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}

extension TargetURLError: Equatable {
    public static func == (left: TargetURLError, right: TargetURLError) -> Bool { left.code == right.code }
}
