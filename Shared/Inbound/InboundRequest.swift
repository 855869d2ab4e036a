/// The header fields of a request, as a verifier asks for them.
public protocol InboundHeaders: Sendable {
    /// The first field of that name, in any case, as it arrived, without the blanks around it.
    func bytes(_ name: String) -> ArraySlice<UInt8>?
    /// How many fields have that name.
    func count(of name: String) -> Int
}

/// A request at a door, whole.
public struct InboundRequest: Sendable {
    public enum Method: Hashable, Sendable {
        case get, post
    }

    public var method: Method
    public var headers: any InboundHeaders
    /// The parameters of the query, decoded once.
    public var query: [(name: String, value: String)]
    public var body: [UInt8]

    public init(
        method: Method, headers: any InboundHeaders, query: [(name: String, value: String)] = [], body: [UInt8]
    ) {
        self.method = method
        self.headers = headers
        self.query = query
        self.body = body
    }

    func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }

    func header(_ name: String) -> String? { headers.bytes(name).map { String(decoding: $0, as: UTF8.self) } }

    /// A header that takes part in verification.
    /// - Throws: `malformedHeader` where it stands twice: two readers would read two different ones.
    func credential(_ name: String) throws(InboundRefusal) -> ArraySlice<UInt8>? {
        guard let value = headers.bytes(name) else { return nil }
        guard headers.count(of: name) == 1 else { throw InboundRefusal(.malformedHeader) }
        return value.isEmpty ? nil : value
    }

    func credentialText(_ name: String) throws(InboundRefusal) -> String? {
        try credential(name).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether the body is an HTML form.
    var isForm: Bool {
        guard let type = headers.bytes("Content-Type") else { return false }
        return MediaName.isEqual(type, "application/x-www-form-urlencoded")
    }
}

/// The name of a media type: what stands before its parameters (RFC 9110 §8.3.1).
public enum MediaName {
    /// Whether the value of a `Content-Type` header names `name`, which is in lower case; parameters do not count.
    public static func isEqual(_ value: ArraySlice<UInt8>, _ name: StaticString) -> Bool {
        var essence = value.prefix { $0 != 0x3B }
        while let last = essence.last, last == 0x20 || last == 0x09 { essence.removeLast() }
        guard essence.count == name.utf8CodeUnitCount else { return false }
        for (offset, byte) in essence.enumerated() {
            let lower = (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
            guard lower == name.utf8Start[offset] else { return false }
        }
        return true
    }
}
