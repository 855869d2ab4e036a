internal import Egress
internal import EventCodec
internal import ServiceKit

/// A query string that grows by members; empty ones are left out.
struct QueryText: Sendable, Hashable {
    private(set) var text = ""

    mutating func add(_ name: String, _ value: String?) {
        guard let value, !value.isEmpty else { return }
        text += "\(text.isEmpty ? "?" : "&")\(name)=\(PercentText.encode(value))"
    }

    func adding(_ name: String, _ value: String?) -> QueryText {
        var query = self
        query.add(name, value)
        return query
    }
}

extension APIClient {
    /// Gives the entries of a list to `body`, page by page, until there is no more or `body` returns false.
    func forEach(
        _ path: String, _ query: QueryText = QueryText(), limit: Int? = nil, _ body: (JSONValue) throws -> Bool
    ) async throws {
        var cursor: String?
        while true {
            let page = query.adding("limit", limit.map(String.init) ?? "200").adding("cursor", cursor)
            let answer = try await call(.get, access.feedURL + path + page.text, [])
            guard case .array(let entries)? = answer["data"] else {
                throw ToolError(.remote, "\(path) was answered by something that is no list")
            }
            for entry in entries where try !body(entry) { return }
            guard answer["has_more"]?.bool == true, let next = answer["next_cursor"]?.string else { return }
            cursor = next
        }
    }
}

extension CommandContext {
    /// Runs `body` with the API that the options name.
    func withAPI(_ body: (APIClient) async throws -> ExitCode) async throws -> ExitCode {
        let http = WebClient()
        defer { http.stop() }
        return try await body(APIClient(access: try .find(self), http: http))
    }

    /// Prints an answer as JSON if that was asked for.
    ///
    /// - Returns: whether it was.
    func printsJSON(_ answer: JSONValue) throws(ToolError) -> Bool {
        guard try arguments.flag("--json") else { return false }
        console.line(String(decoding: answer.bytes, as: UTF8.self))
        return true
    }

    /// An id on the command line: its prefix and what an id is made of, so that it can stand in a path.
    func id(_ index: Int, prefix: String, hint: String) throws(ToolError) -> String {
        let text = arguments.positional(index) ?? ""
        let isPlain = text.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F
        }
        guard text.hasPrefix(prefix), text.count > prefix.count, isPlain else {
            throw ToolError(.usage, "\(text) is no id that begins with \(prefix): \(hint)")
        }
        return text
    }
}

extension Console {
    /// Names and values, one a line.
    func rows(_ rows: [(String, String?)]) {
        let width = rows.map(\.0.count).max() ?? 0
        for (name, value) in rows {
            if let value, !value.isEmpty { line("\(InstallationStatus.padded(name, width))  \(value)") }
        }
    }
}

extension JSONValue {
    /// A scalar as a person reads it; nil for null.
    var plain: String? {
        switch self {
        case .null: nil
        case .string(let text): text
        case .bool(let claim): claim ? "yes" : "no"
        default: String(decoding: bytes, as: UTF8.self)
        }
    }

    /// A number, whole or not.
    var number: Double? { if case .number(let number) = self { number.double } else { nil } }
}
