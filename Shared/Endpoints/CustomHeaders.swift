public import Egress
public import EventCodec

/// Header lines that a webhook's deliveries carry beside ours.
public struct CustomHeaders: Sendable {
    public static let most = 20
    public static let mostBytes = 4 * 1024

    /// In the order of the names.
    public let names: [String]
    public let block: HeaderBlock
    /// What is kept, sealed: a JSON object.
    public let json: [UInt8]

    /// Names that are not a tenant's to set: they frame the message, belong to one connection, or say what the body is.
    private static let refused: Set<String> = [
        "host", "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te",
        "trailer", "trailers", "transfer-encoding", "upgrade", "expect", "user-agent", "traceparent", "tracestate",
        "date", "accept-encoding", "http2-settings",
    ]

    /// As they were kept.
    init(json: [UInt8]) throws {
        try self.init(JSONValue(parsing: json), prefix: nil)
    }

    /// - Parameters:
    ///   - value: An object of names and values.
    ///   - prefix: What the names of our own headers begin with; nil: they were checked before.
    /// - Throws: where a name is none, is not theirs, comes twice, or a value has line ends or other than printable characters.
    public init(_ value: JSONValue, prefix: String?) throws(JSONFieldError) {
        guard case .object(let members) = value else {
            throw JSONFieldError(.invalidField, "headers is an object of names and values", param: "headers")
        }
        guard members.count <= Self.most else {
            throw JSONFieldError(.invalidField, "headers has at most \(Self.most) entries", param: "headers")
        }
        var block = HeaderBlock()
        var seen: Set<String> = []
        var kept = JSONWriter()
        let sorted = members.sorted { $0.key.lowercased() < $1.key.lowercased() }
        for member in sorted {
            // The name is shown only as far as it may be one.
            let param = "headers.\(member.key.prefix(64))"
            func refuse(_ reason: String) -> JSONFieldError {
                JSONFieldError(.invalidField, "\(param) \(reason)", param: param)
            }
            guard case .string(let text) = member.value else { throw refuse("is a string") }
            let name = member.key.lowercased()
            guard HeaderBlock.isName(name), name.utf8.count <= 64 else {
                throw JSONFieldError(.invalidField, "a header's name has 1-64 characters of a token", param: "headers")
            }
            guard seen.insert(name).inserted else { throw refuse("stands twice") }
            if let prefix, isOurs(name, prefix: prefix) { throw refuse("is not yours to set") }
            do throws(HeaderError) {
                try block.append(foreign: member.key, value: text)
            } catch {
                throw refuse("is 1 or more printable characters, without line ends")
            }
        }
        guard block.bytes.count <= Self.mostBytes else {
            throw JSONFieldError(
                .invalidField, "headers have at most \(Self.mostBytes) bytes together", param: "headers")
        }
        kept.value(.object(sorted))
        self.block = block
        names = sorted.map(\.key)
        json = kept.bytes
    }
}

private func isOurs(_ name: String, prefix: String) -> Bool {
    name.hasPrefix("\(prefix.lowercased())-") || name.hasPrefix("webhook-") || name.hasPrefix("content-")
        || CustomHeaders.isRefused(name)
}

extension CustomHeaders {
    fileprivate static func isRefused(_ name: String) -> Bool { refused.contains(name) }
}
