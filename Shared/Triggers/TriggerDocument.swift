public import EventCodec
public import Inbound
public import YAML

/// A trigger as somebody writes it: JSON or YAML, `trigger: {…}`, with its secrets.
public struct TriggerDocument: Sendable {
    public let definition: TriggerDefinition
    /// The trigger without its secrets, as it is stored and shown: a JSON object.
    public let json: [UInt8]
    /// What the door is verified with, of a trigger that has one.
    public let door: Door?

    public struct Door: Sendable {
        public var preset: InboundPreset
        /// A JSON object.
        public var config: [UInt8]
        /// A JSON object.
        public var secrets: [UInt8]
        /// Whether the document gives them; if not, they were made here.
        public var hasOwnSecrets: Bool
    }

    /// - Throws: `YAMLError` for what is neither JSON nor YAML.
    public static func read(_ text: [UInt8]) throws(YAMLError) -> SourceDocument { try SourceDocument(text) }

    /// - Parameter value: What stands under `trigger`.
    /// - Throws: with the path of the field in `param`, `trigger` included.
    public init(_ value: JSONValue) throws(JSONFieldError) {
        guard case .object(let members) = value else {
            throw JSONFieldError(.missingField, "trigger is an object", param: "trigger")
        }
        let rest = JSONValue.object(members.filter { $0.key != "secret" && $0.key != "secrets" })
        definition = try TriggerDefinition(JSONFields(rest, path: "trigger"))
        json = rest.bytes
        door = try Self.door(definition, JSONFields(value, path: "trigger"))
    }

    private static func door(_ definition: TriggerDefinition, _ fields: JSONFields) throws(JSONFieldError) -> Door? {
        let hasOwn = fields.value("secret") != nil || fields.value("secrets") != nil
        guard case .door(let preset) = definition.source else {
            guard !hasOwn else {
                throw fields.invalid(
                    fields.value("secret") != nil ? "secret" : "secrets", "belongs to a trigger with a URL")
            }
            return nil
        }
        let kind = InboundKind.preset(preset)
        let config = try InboundConfig(fields.optionalFields("config"), kind: kind)
        var given = try fields.optionalFields("secrets")
        if let secret = try fields.optionalString("secret") {
            guard given == nil else { throw fields.invalid("secret", "stands beside secrets; one of them is enough") }
            let object = JSONValue.object([.init("secrets", .array([.string(secret)]))])
            given = try JSONFields(object, path: "trigger.secret")
        }
        let secrets = try InboundSecrets(given, kind: kind, config: config)
        return Door(
            preset: preset, config: (fields.value("config") ?? .object([])).bytes, secrets: secrets.json,
            hasOwnSecrets: hasOwn)
    }

    /// A trigger whose fields were replaced by those of `change`; null takes one away.
    public static func merged(_ stored: JSONValue, with change: JSONValue) -> JSONValue {
        guard case .object(var members) = stored, case .object(let changes) = change else { return change }
        for change in changes {
            members.removeAll { $0.key == change.key }
            if change.value != .null { members.append(change) }
        }
        return .object(members)
    }
}
