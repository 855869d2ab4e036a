public import EventCodec

/// One YAML document as the JSON value that it stands for, with the place of each of its values.
///
/// What JSON has no word for is refused: anchors and aliases (which can multiply), tags, keys that are no strings, several
/// documents. Plain scalars are read as YAML 1.2's core schema reads JSON's own words: `true`, `false`, `null`, `~`, nothing,
/// and numbers as JSON writes them; everything else is a string, so `no`, `on` and `1e` are.
///
///     let document = try YAMLDocument(text)
///     document.value["trigger"], document.position(of: "trigger.match[0].jsonpath")
public struct YAMLDocument: Sendable {
    public let value: JSONValue
    private let positions: [String: TextPosition]

    public init(_ text: [UInt8], limits: YAMLLimits = .standard) throws(YAMLError) {
        guard text.count <= limits.bytes else {
            throw YAMLError(
                .tooLarge, "the text has more than \(limits.bytes) bytes",
                at: TextPosition(ofByte: limits.bytes, in: text))
        }
        var builder = DocumentBuilder(limits: limits)
        try EventReader.read(text) { (event, position) throws(YAMLError) in try builder.take(event, at: position) }
        value = builder.value ?? .null
        positions = builder.positions
    }

    /// Where the value at a path stands, for example `trigger.match[0].jsonpath`; of a path that leads nowhere the place of
    /// the nearest value around it.
    public func position(of path: String) -> TextPosition {
        var path = path
        while true {
            if let position = positions[path] { return position }
            guard let cut = path.lastIndex(where: { $0 == "." || $0 == "[" }) else {
                return positions[""] ?? TextPosition(line: 1, column: 1)
            }
            path = String(path[..<cut])
        }
    }
}

/// Builds the tree from events; the stack is its own, bounded by the depth.
struct DocumentBuilder {
    private struct Open {
        var path: String
        var isMapping: Bool
        var members: [JSONValue.Member] = []
        var keys: Set<[UInt8]> = []
        var elements: [JSONValue] = []
        /// The key whose value comes next.
        var key: String?
    }

    private let limits: YAMLLimits
    private var open: [Open] = []
    private var count = 0
    private(set) var value: JSONValue?
    private(set) var positions: [String: TextPosition] = [:]

    init(limits: YAMLLimits) { self.limits = limits }

    mutating func take(_ event: YAMLEvent, at position: TextPosition) throws(YAMLError) {
        switch event {
        case .documentStart:
            guard value == nil else { throw YAMLError(.unsupported, "one document is expected", at: position) }
        case .documentEnd, .end: break
        case .scalar(let scalar):
            try begin(at: position, key: scalar)
        case .sequenceStart: try enter(isMapping: false, at: position)
        case .mappingStart: try enter(isMapping: true, at: position)
        case .sequenceEnd, .mappingEnd:
            guard let last = open.popLast() else { return }
            add(last.isMapping ? .object(last.members) : .array(last.elements))
        }
    }

    private mutating func enter(isMapping: Bool, at position: TextPosition) throws(YAMLError) {
        if let last = open.last, last.isMapping, last.key == nil {
            throw YAMLError(.unsupported, "a key is text", at: position)
        }
        guard open.count < limits.depth else {
            throw YAMLError(.tooLarge, "nested deeper than \(limits.depth) levels", at: position)
        }
        try spend(at: position)
        let path = nextPath
        positions[path] = position
        open.append(Open(path: path, isMapping: isMapping))
    }

    /// A scalar: a key where one is expected, else a value.
    private mutating func begin(at position: TextPosition, key scalar: YAMLEvent.Scalar) throws(YAMLError) {
        try spend(at: position)
        if let last = open.indices.last, open[last].isMapping, open[last].key == nil {
            guard scalar.text != "<<" || !scalar.isPlain else {
                throw YAMLError(.unsupported, "merging is not accepted", at: position)
            }
            guard open[last].keys.insert(Array(scalar.text.utf8)).inserted else {
                throw YAMLError(.duplicateKey, "the key \(scalar.text.prefix(64)) stands here twice", at: position)
            }
            open[last].key = scalar.text
            // An error in the value's absence points at its key.
            positions[nextPath] = position
            return
        }
        positions[nextPath] = position
        add(Self.value(of: scalar))
    }

    private mutating func spend(at position: TextPosition) throws(YAMLError) {
        count += 1
        guard count <= limits.values else {
            throw YAMLError(.tooLarge, "more than \(limits.values) values", at: position)
        }
    }

    /// The path of the value that comes next, as `JSONFields` writes it.
    private var nextPath: String {
        guard let last = open.last else { return "" }
        if let key = last.key { return last.path.isEmpty ? key : "\(last.path).\(key)" }
        return "\(last.path)[\(last.elements.count)]"
    }

    private mutating func add(_ value: JSONValue) {
        guard let last = open.indices.last else {
            self.value = value
            return
        }
        if open[last].isMapping {
            open[last].members.append(JSONValue.Member(open[last].key ?? "", value))
            open[last].key = nil
        } else {
            open[last].elements.append(value)
        }
    }

    private static func value(of scalar: YAMLEvent.Scalar) -> JSONValue {
        guard scalar.isPlain else { return .string(scalar.text) }
        switch scalar.text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        default:
            if let first = scalar.text.utf8.first, first == 0x2D || (0x30...0x39).contains(first),
                let number = try? JSONValue(parsing: Array(scalar.text.utf8))
            {
                return number
            }
            return .string(scalar.text)
        }
    }
}
