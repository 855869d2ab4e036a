internal import EventCodec
internal import JSONPath

/// What an action is given under one name.
enum TriggerInput: Sendable {
    /// The document's own value, as JSON.
    case literal([UInt8])
    case template(TriggerTemplate)
    /// What a path finds first in the payload.
    case path(JSONPath, fallback: [UInt8]?, isRequired: Bool)

    init(_ value: JSONValue, at place: String, of fields: JSONFields) throws(JSONFieldError) {
        switch value {
        case .string(let text):
            guard let template = TriggerTemplate(text) else {
                throw fields.invalid(
                    place, "has references such as {{ payload.a.b }}, {{ event.type }} or {{ headers.name }}")
            }
            self = template.literal.map { .literal(JSONValue.string($0).bytes) } ?? .template(template)
        case .object:
            let input = try JSONFields(value, path: Self.path(place, of: fields))
            try input.refuseUnknown(["path", "default", "required"])
            let text = try input.string("path")
            do throws(JSONPathError) {
                self = .path(
                    try JSONPath(text, limits: TriggerLimits.paths), fallback: input.value("default")?.bytes,
                    isRequired: try Self.isRequired(input))
            } catch {
                throw input.invalid("path", "is a query of RFC 9535: \(error)")
            }
        case .array, .number, .bool, .null: self = .literal(value.bytes)
        }
    }

    private static func isRequired(_ input: JSONFields) throws(JSONPathError) -> Bool {
        do throws(JSONFieldError) {
            return try input.optionalBool("required") ?? false
        } catch {
            throw JSONPathError(.type, "required is true or false")
        }
    }

    private static func path(_ place: String, of fields: JSONFields) -> String {
        fields.invalid(place, "").param ?? place
    }

    /// Its value for an event, as JSON; nil where it is required and not there.
    func value(of scope: TriggerScope, _ budget: inout Int) -> [UInt8]? {
        switch self {
        case .literal(let bytes): return bytes
        case .template(let template): return template.value(of: scope, &budget)
        case .path(let path, let fallback, let isRequired):
            if let found = (try? path.first(in: scope.payload, budget: &budget)) ?? nil {
                return Array(scope.payload.bytes(of: found))
            }
            return fallback ?? (isRequired ? nil : Array("null".utf8))
        }
    }
}

/// A text with references: `PR {{ payload.number }} by {{ payload.sender.login }}`. One that is a reference and nothing else
/// has the type of what it refers to; in a longer text a string stands as it is, anything else as JSON, nothing as nothing.
struct TriggerTemplate: Sendable {
    enum Part: Sendable {
        case text(String)
        case reference(TriggerReference)
    }

    let parts: [Part]

    /// Nil where a reference is not well-formed.
    init?(_ text: String) {
        var parts: [Part] = []
        var rest = Substring(text)
        while let start = rest.range(of: "{{") {
            guard let end = rest[start.upperBound...].range(of: "}}"), parts.count < 64 else { return nil }
            if start.lowerBound > rest.startIndex { parts.append(.text(String(rest[..<start.lowerBound]))) }
            guard let reference = TriggerReference(rest[start.upperBound..<end.lowerBound]) else { return nil }
            parts.append(.reference(reference))
            rest = rest[end.upperBound...]
        }
        if !rest.isEmpty || parts.isEmpty { parts.append(.text(String(rest))) }
        self.parts = parts
    }

    /// The text, if it has no reference.
    var literal: String? {
        guard parts.count == 1, case .text(let text) = parts[0] else { return nil }
        return text
    }

    func value(of scope: TriggerScope, _ budget: inout Int) -> [UInt8] {
        if parts.count == 1, case .reference(let reference) = parts[0] {
            return reference.value(of: scope, &budget) ?? Array("null".utf8)
        }
        var text = ""
        for part in parts {
            switch part {
            case .text(let piece): text += piece
            case .reference(let reference):
                guard let value = reference.value(of: scope, &budget) else { continue }
                if value.first == 0x22, case .string(let string)? = try? JSONValue(parsing: value, limits: .standard) {
                    text += string
                } else if value != Array("null".utf8) {
                    text += String(decoding: value, as: UTF8.self)
                }
            }
        }
        return JSONValue.string(text).bytes
    }
}

/// `payload.a.b[0]`, `headers.x-request-id`, `event.type`, or a JSONPath query on the payload.
struct TriggerReference: Sendable {
    private enum Root {
        case payload, headers, event
    }

    private let root: Root
    private let path: JSONPath

    init?(_ text: Substring) {
        let text = text.trimmingBlanks
        if text.first == "$" {
            guard let path = try? JSONPath(String(text), limits: TriggerLimits.paths) else { return nil }
            (root, self.path) = (.payload, path)
            return
        }
        let end = text.firstIndex { $0 == "." || $0 == "[" } ?? text.endIndex
        switch text[..<end] {
        case "payload": root = .payload
        case "headers": root = .headers
        case "event": root = .event
        default: return nil
        }
        guard let path = Self.path(text[end...], isLowered: root == .headers) else { return nil }
        self.path = path
    }

    /// Names behind dots (letters, digits, `_` and `-`) and indices in brackets, as a query.
    private static func path(_ steps: Substring, isLowered: Bool) -> JSONPath? {
        var query = "$"
        var rest = steps
        while let first = rest.first {
            rest = rest.dropFirst()
            if first == "." {
                let name = rest.prefix {
                    $0.isASCII && ($0.isLetter || $0.isNumber) || $0 == "_" || $0 == "-" || !$0.isASCII
                }
                guard !name.isEmpty, !name.contains("'"), !name.contains("\\") else { return nil }
                query += "['\(isLowered ? name.lowercased() : String(name))']"
                rest = rest[name.endIndex...]
            } else {
                guard first == "[", let end = rest.firstIndex(of: "]") else { return nil }
                query += "[\(rest[..<end])]"
                rest = rest[rest.index(after: end)...]
            }
        }
        guard let path = try? JSONPath(query, limits: TriggerLimits.paths), path.isSingular else { return nil }
        return path
    }

    func value(of scope: TriggerScope, _ budget: inout Int) -> [UInt8]? {
        let outline: JSONOutline? =
            switch root {
            case .payload: scope.payload
            case .headers: scope.headers
            case .event: scope.head
            }
        guard let outline, let found = (try? path.first(in: outline, budget: &budget)) ?? nil else { return nil }
        return Array(outline.bytes(of: found))
    }
}

extension Substring {
    fileprivate var trimmingBlanks: Substring {
        var text = self.drop { $0 == " " || $0 == "\t" }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }

    /// The first place where `other` stands.
    fileprivate func range(of other: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(other) { return start..<index(start, offsetBy: other.count) }
            start = index(after: start)
        }
        return nil
    }
}
