/// An answer as it came over the wire.
public struct RawResponse: Sendable {
    public let status: Int
    /// In order, names as they came.
    public let headers: [(name: String, value: String)]
    /// Without its chunks.
    public var body: [UInt8]

    public var text: String { String(decoding: body, as: UTF8.self) }

    /// The first header of that name, in any case.
    public subscript(name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    public var closes: Bool { self["Connection"]?.lowercased() == "close" }

    init(head: String) throws {
        var lines = head.split(separator: "\r\n", omittingEmptySubsequences: false)[...]
        let first = lines.removeFirst().split(separator: " ")
        guard first.count >= 2, first[0].hasPrefix("HTTP/1."), let status = Int(first[1]) else {
            throw RawHTTPError("not an answer: \(head)")
        }
        self.status = status
        headers = try lines.map { line in
            guard let colon = line.firstIndex(of: ":") else { throw RawHTTPError("not a header: \(line)") }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            return (String(line[..<colon]), String(value))
        }
        body = []
    }
}

/// What a test's connection met with.
public struct RawHTTPError: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}
