internal import EventCodec
internal import EventModel
internal import Inbound
internal import JSONPath
internal import Triggers
internal import YAML

/// A parser that reads what strangers wrote, fed with anything: it must neither crash nor hang, and what it accepts must make
/// sense.
public enum FuzzTarget: String, CaseIterable, Sendable {
    case json, path, filter, regexp, yaml, trigger, xml

    /// Reads an input.
    /// - Returns: a sentence about what is wrong; nil where all is well.
    public func run(_ input: [UInt8]) -> String? {
        switch self {
        case .json: return Self.json(input)
        case .path: return Self.path(input)
        case .filter: return Self.filter(input)
        case .regexp: return Self.regexp(input)
        case .yaml: return Self.yaml(input)
        case .trigger: return Self.trigger(input)
        case .xml: return Self.xml(input)
        }
    }

    /// The scanner, the table and the tree must agree.
    private static func json(_ input: [UInt8]) -> String? {
        let isValid = (try? JSONScanner.validate(input)) != nil
        let outline = try? JSONOutline(input)
        guard isValid == (outline != nil) else { return "scanner and outline disagree" }
        guard let outline else { return nil }
        guard (0..<outline.count).allSatisfy({ outline.end(of: $0) > $0 && outline.range(of: $0).count > 0 }) else {
            return "the outline's values overlap"
        }
        if let tree = try? JSONValue(parsing: input, limits: .standard) {
            guard let again = try? JSONValue(parsing: tree.bytes, limits: .standard), again == tree else {
                return "the tree is not written back as itself"
            }
        }
        return nil
    }

    private static func path(_ input: [UInt8]) -> String? {
        let (query, document) = halves(input)
        guard let path = try? JSONPath(String(decoding: query, as: UTF8.self), limits: limits) else { return nil }
        let outline = (try? JSONOutline(document)) ?? sample
        guard let values = try? path.values(in: outline) else { return nil }
        guard (try? path.first(in: outline)) == values.first else { return "the first value is another one" }
        guard !path.isSingular || values.count <= 1 else { return "a singular query found several values" }
        for value in values.prefix(16) {
            let location = outline.location(of: value)
            guard let back = try? JSONPath(location, limits: wide), let again = try? back.values(in: outline) else {
                return "the location \(location) is no query"
            }
            // Where a key stands twice, a location means the last of them.
            guard again.count == 1 else { return "the location \(location) finds \(again.count) values" }
        }
        return nil
    }

    private static func filter(_ input: [UInt8]) -> String? {
        let (query, document) = halves(input)
        guard let filter = try? JSONFilter(String(decoding: query, as: UTF8.self), limits: limits) else { return nil }
        _ = try? filter.matches((try? JSONOutline(document)) ?? sample)
        return nil
    }

    private static func regexp(_ input: [UInt8]) -> String? {
        let (pattern, text) = halves(input)
        guard let regexp = try? Regexp(String(decoding: pattern, as: UTF8.self)) else { return nil }
        guard regexp.size <= Regexp.maximumSize else { return "a program that is too large" }
        _ = regexp.matches(String(decoding: text.prefix(512), as: UTF8.self))
        return nil
    }

    private static func yaml(_ input: [UInt8]) -> String? {
        guard let text = try? SourceDocument(input) else { return nil }
        guard (try? JSONScanner.validate(text.value.bytes)) != nil else {
            return "YAML became something else than JSON"
        }
        _ = text.position(of: "a.b[0].c")
        return nil
    }

    private static func trigger(_ input: [UInt8]) -> String? {
        guard let text = try? TriggerDocument.read(input), let value = text.value["trigger"],
            let document = try? TriggerDocument(value)
        else { return nil }
        guard let stored = try? JSONValue(parsing: document.json), (try? TriggerDocument(stored)) != nil else {
            return "the stored document cannot be read again"
        }
        guard let event = TriggerEvent(envelope: envelope) else { return "the sample is no event" }
        let verdict = document.definition.judge(event)
        guard (try? JSONScanner.validate(verdict.inputs)) != nil else { return "the inputs are no JSON" }
        return nil
    }

    private static func xml(_ input: [UInt8]) -> String? {
        guard let xml = try? FlatXML(input) else { return nil }
        guard xml.elements.allSatisfy({ $0.content.upperBound <= input.count }) else {
            return "an element lies outside"
        }
        return nil
    }

    // MARK: -

    private static let limits = JSONPathLimits(steps: 20_000)
    private static let wide = JSONPathLimits(bytes: 1 << 20)

    /// What stands before the first line's end, and what behind it.
    private static func halves(_ input: [UInt8]) -> ([UInt8], [UInt8]) {
        guard let end = input.firstIndex(of: 0x0A) else { return (input, []) }
        return (Array(input[..<end]), Array(input[(end + 1)...]))
    }

    private static let envelope = Array(
        """
        {"v":1,"id":"evt_1","type":"webhook.generic.x","created_at":"2026-01-01T00:00:00.000Z","tenant_id":"ten_1",\
        "smith_id":null,"data":{"trigger_id":"\(TriggerID(Ulid(high: 1, low: 1)))","headers":{"x-a":"b"},\
        "payload":{"a":[{"b":"c","n":1.5},null,true],"é":"\\u00e9","event":"x","list":[1,2,3,[4]]}}}
        """.utf8)

    private static let sample: JSONOutline = {
        guard let outline = try? JSONOutline(envelope) else { preconditionFailure("the sample is JSON") }
        return outline
    }()
}
