public import EventCodec
public import EventModel
public import Inbound

/// A trigger: which events it answers, and how (`contracts.md` §9). Read from its document once, used for any number of
/// events; without its secrets, which its door has.
///
///     let trigger = try TriggerDefinition(JSONFields(document, path: "trigger"))
///     if let event = TriggerEvent(envelope: envelope), trigger.answers(event) { let verdict = trigger.judge(event) }
public struct TriggerDefinition: Sendable {
    public enum Source: Sendable {
        /// Requests to a URL of its own, signed as the preset says.
        case door(InboundPreset)
        /// Events on the feed.
        case feed(SubscriptionFilter)
    }

    /// An agent's run, an event, or both.
    public struct Action: Sendable {
        public var agent: String?
        public var emits: EventType?
    }

    /// Seconds after an event that it acted on in which it acts on no other.
    public static let pauses: ClosedRange<Int64> = 1...86_400

    public let name: String
    public let source: Source
    public let action: Action
    public let pause: Int32?
    let matches: [TriggerMatch]
    let inputs: [(name: String, input: TriggerInput)]

    /// Whether its events come to a URL of its own.
    public var isDoor: Bool { if case .door = source { true } else { false } }

    /// The names that a document may hold; secrets are taken out before.
    static let names: Set<String> = [
        "name", "source", "preset", "config", "match", "inputs", "action", "debounce_s",
    ]
    private static let nameLength = 0...128
    private static let agentLength = 1...128
    private static let mostMatches = 20
    private static let mostInputs = 64
    private static let mostTypes = 200

    /// - Parameter fields: What stands under `trigger`.
    /// - Throws: with the path of the field in `param`.
    public init(_ fields: JSONFields) throws(JSONFieldError) {
        try fields.refuseUnknown(Self.names)
        name = try Self.text("name", of: fields, length: Self.nameLength) ?? ""
        source = try Self.source(fields)
        matches = try Self.matches(fields)
        let action = try fields.fields("action")
        try action.refuseUnknown(["agent_id", "inputs", "emit"])
        self.action = try Self.action(action, fields)
        inputs = try Self.inputs(action, fields)
        pause = try fields.optionalInt("debounce_s", in: Self.pauses).map { Int32($0) }
    }

    private static func text(
        _ name: String, of fields: JSONFields, length: ClosedRange<Int>
    ) throws(JSONFieldError) -> String? {
        guard let text = try fields.optionalString(name, length: length) else { return nil }
        guard text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) else {
            throw fields.invalid(name, "has no control characters")
        }
        return text
    }

    private static func source(_ fields: JSONFields) throws(JSONFieldError) -> Source {
        let value = fields.value("source")
        if case .object = value {
            for name in ["preset", "config"] where fields.value(name) != nil {
                throw fields.invalid(name, "belongs to a trigger with a URL; events on the feed need none")
            }
            let source = try fields.fields("source")
            try source.refuseUnknown(["types"])
            var patterns: [SubscriptionPattern] = []
            for (index, text) in (try source.optionalStrings("types", count: 1...mostTypes) ?? []).enumerated() {
                guard let pattern = SubscriptionPattern(text) else {
                    throw source.invalid("types[\(index)]", "is an event type, a family of types such as slack, or *")
                }
                patterns.append(pattern)
            }
            guard !patterns.isEmpty else { throw source.invalid("types", "names at least one type") }
            return .feed(SubscriptionFilter(patterns))
        }
        guard value == nil || value == .string("generic_webhook") else {
            throw fields.invalid("source", #"is "generic_webhook", or {"types": […]} for events on the feed"#)
        }
        let preset: InboundPreset = try fields.optionalChoice("preset") ?? .combo
        // Unknown and wrong settings are refused here, where the trigger is written.
        _ = try InboundConfig(fields.optionalFields("config"), kind: .preset(preset))
        return .door(preset)
    }

    private static func matches(_ fields: JSONFields) throws(JSONFieldError) -> [TriggerMatch] {
        guard let value = fields.value("match") else { return [] }
        if case .array = value {
            var matches: [TriggerMatch] = []
            for match in try fields.optionalObjects("match", count: 0...mostMatches) ?? [] {
                matches.append(try TriggerMatch(match))
            }
            return matches
        }
        guard case .object = value else { throw fields.invalid("match", "is an object or a list of objects") }
        return [try TriggerMatch(fields.fields("match"))]
    }

    private static func action(_ action: JSONFields, _ fields: JSONFields) throws(JSONFieldError) -> Action {
        var made = Action(agent: try text("agent_id", of: action, length: agentLength), emits: nil)
        if let emit = try action.optionalFields("emit") {
            try emit.refuseUnknown(["type"])
            let text = try emit.string("type")
            guard let type = EventType(text) else { throw emit.invalid("type", "is an event type") }
            guard !Self.isReserved(type) else {
                throw emit.invalid("type", "is none of the families agent.run, webhook and memory")
            }
            made.emits = type
        }
        guard made.agent != nil || made.emits != nil else {
            throw fields.invalid("action", "has agent_id, emit or both")
        }
        return made
    }

    /// What only the platform says: a trigger could start itself by it, or speak in a door's name.
    private static func isReserved(_ type: EventType) -> Bool {
        ["agent.run", "webhook", "memory"].contains { family in EventType(family).map(type.belongs) ?? false }
    }

    private static func inputs(
        _ action: JSONFields, _ fields: JSONFields
    ) throws(JSONFieldError) -> [(name: String, input: TriggerInput)] {
        var inputs: [(name: String, input: TriggerInput)] = []
        for owner in [fields, action] {
            guard let value = owner.value("inputs") else { continue }
            guard case .object(let members) = value else { throw owner.invalid("inputs", "is an object") }
            for member in members {
                let place = "inputs.\(member.key)"
                guard (1...64).contains(member.key.utf8.count), inputs.count < mostInputs else {
                    throw owner.invalid("inputs", "has at most \(mostInputs) names of 1-64 bytes")
                }
                guard !inputs.contains(where: { $0.name.utf8.elementsEqual(member.key.utf8) }) else {
                    throw owner.invalid(place, "stands beside the action too")
                }
                inputs.append((member.key, try TriggerInput(member.value, at: place, of: owner)))
            }
        }
        return inputs
    }
}
