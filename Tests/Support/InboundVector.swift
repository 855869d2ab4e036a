public import EventCodec
public import EventModel
internal import FoundationEssentials

/// One request of `Tests/InboundTests/Fixtures/inbound-vectors.json`, and what becomes of it.
public struct InboundVector: Sendable, CustomStringConvertible {
    public let id: String
    /// `signature`, `decrypt` or `ingest`: how much of the way the vector is about.
    public let layer: String
    public let channel: String
    public let preset: String?
    public let method: String
    public let headers: [(name: String, value: String)]
    /// Decoded.
    public let query: [(name: String, value: String)]
    /// As on the wire, where the vector says so.
    public let rawQuery: String?
    public let body: [UInt8]
    public let secrets: [UInt8]
    public let config: [UInt8]
    /// Dedupe keys that the store has already.
    public let seen: [String]
    public let now: Timestamp
    public let expect: JSONValue

    public var description: String { id }

    /// All of them; empty where the file cannot be read.
    public static let all: [InboundVector] = {
        let folder = "\(#filePath)".split(separator: "/").dropLast(2).joined(separator: "/")
        let path = "/\(folder)/InboundTests/Fixtures/inbound-vectors.json"
        guard let data = try? Data(contentsOf: URL(filePath: path)),
            let root = try? JSONValue(parsing: Array(data), limits: JSONLimits(bytes: 8 << 20)),
            case .array(let vectors)? = root["vectors"]
        else { return [] }
        return vectors.compactMap(InboundVector.init)
    }()

    private init?(_ value: JSONValue) {
        guard let id = value["id"]?.string, let layer = value["layer"]?.string, let channel = value["channel"]?.string,
            case .number(let now)? = value["now"], let seconds = now.int, let expect = value["expect"]
        else { return nil }
        self.id = id
        self.layer = layer
        self.channel = channel
        preset = value["preset"]?.string
        method = value["method"]?.string ?? "POST"
        headers = Self.pairs(value["headers"])
        query = Self.pairs(value["query"])
        rawQuery = value["raw_query"]?.string
        body = Array((value["body"]?.string ?? "").utf8)
        secrets = value["secrets"]?.bytes ?? []
        var settings: [JSONValue.Member] = []
        if case .object(let members)? = value["config"] { settings = members }
        config = JSONValue.object(settings.filter { $0.key != "seen" }).bytes
        if case .array(let keys)? = value["config"]?["seen"] { seen = keys.compactMap(\.string) } else { seen = [] }
        self.now = Timestamp(seconds: seconds)
        self.expect = expect
    }

    private static func pairs(_ value: JSONValue?) -> [(name: String, value: String)] {
        guard case .object(let members)? = value else { return [] }
        return members.compactMap { member in member.value.string.map { (member.key, $0) } }
    }
}

extension JSONValue {
    /// The text of a string.
    fileprivate var string: String? {
        if case .string(let text) = self { text } else { nil }
    }
}
