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
        guard let type = header("Content-Type") else { return false }
        return type.prefix { $0 != ";" }.lowercased().filter { $0 != " " } == "application/x-www-form-urlencoded"
    }
}
