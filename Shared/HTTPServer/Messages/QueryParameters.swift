/// The parameters of a request's query, decoded, in order, repeats kept.
public struct QueryParameters: Sendable {
    private let items: [(name: String, value: String)]

    /// Parses `a=1&b=2`; `+` is a blank, a name without `=` has an empty value, empty items are skipped.
    ///
    /// - Throws: 400 `malformed_query`; `param` names the parameter where its name could be read.
    public init(parsing query: Substring) throws(HTTPError) {
        var items: [(name: String, value: String)] = []
        for item in query.utf8.split(separator: UInt8(ascii: "&")) {
            let equals = item.firstIndex(of: UInt8(ascii: "="))
            let name = Substring(item[..<(equals ?? item.endIndex)])
            let value = equals.map { Substring(item[item.index(after: $0)...]) } ?? ""
            items.append((try QueryParameters.decode(name, of: nil), try QueryParameters.decode(value, of: name)))
        }
        self.items = items
    }

    /// The first value of that name.
    public subscript(name: String) -> String? { items.first { $0.name == name }?.value }

    /// Every value of that name, in order.
    public func values(_ name: String) -> [String] { items.filter { $0.name == name }.map(\.value) }

    /// All of them.
    public var pairs: [(name: String, value: String)] { items }

    public var names: [String] { items.map(\.name) }
    public var isEmpty: Bool { items.isEmpty }

    private static func decode(_ text: Substring, of name: Substring?) throws(HTTPError) -> String {
        do {
            return try PercentDecoding.decode(text, plusIsSpace: true)
        } catch {
            throw HTTPError(
                status: 400, code: "malformed_query", message: "the query holds a bad percent escape",
                param: name.map(String.init))
        }
    }
}
