public import EventCodec

/// A document that a person wrote, as JSON or as YAML: what begins with a brace and is JSON is JSON.
public struct SourceDocument: Sendable {
    public let value: JSONValue
    private let source: Source

    private enum Source {
        case yaml(YAMLDocument)
        case json([UInt8])
    }

    public init(_ text: [UInt8], limits: YAMLLimits = .standard) throws(YAMLError) {
        let first = text.first { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 }
        guard first == 0x7B else {
            let document = try YAMLDocument(text, limits: limits)
            (value, source) = (document.value, .yaml(document))
            return
        }
        do throws(JSONError) {
            value = try JSONValue(
                parsing: text, limits: JSONLimits(depth: limits.depth, bytes: limits.bytes))
            source = .json(text)
        } catch {
            // A flow mapping of YAML begins with a brace too. What is neither is told as JSON.
            guard let document = try? YAMLDocument(text, limits: limits) else {
                throw YAMLError(.syntax, error.code.rawValue, at: TextPosition(ofByte: error.offset, in: text))
            }
            (value, source) = (document.value, .yaml(document))
        }
    }

    /// Where the value at a path stands, for example `trigger.match[0].jsonpath`.
    public func position(of path: String) -> TextPosition {
        switch source {
        case .yaml(let document): return document.position(of: path)
        case .json(let text):
            guard let outline = try? JSONOutline(text) else { return TextPosition(line: 1, column: 1) }
            return TextPosition(ofByte: outline.range(of: Self.value(at: path, in: outline)).lowerBound, in: text)
        }
    }

    /// The value at a path, or the nearest one around it.
    private static func value(at path: String, in outline: JSONOutline) -> Int {
        var value = JSONOutline.root
        for step in path.split(whereSeparator: { $0 == "." || $0 == "[" }) {
            let next =
                step.hasSuffix("]")
                ? Int(step.dropLast()).flatMap { outline.element($0, of: value) }
                : outline.member(Array(step.utf8), of: value)
            guard let next else { return value }
            value = next
        }
        return value
    }
}
