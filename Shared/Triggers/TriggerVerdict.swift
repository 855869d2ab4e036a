internal import EventCodec
public import EventModel

/// What a trigger makes of an event, and if nothing, why.
public struct TriggerVerdict: Sendable, Hashable {
    /// Empty: it acts.
    public var objections: [String]
    /// A JSON object; only where it acts.
    public var inputs: [UInt8] = Array("{}".utf8)

    public init(objections: [String] = []) {
        self.objections = objections
    }

    public var acts: Bool { objections.isEmpty }
}

extension TriggerDefinition {
    /// The families of events that triggers never answer: they would start themselves.
    private static let unanswered = EventType("agent.run")

    /// Whether an event of this type may concern it at all: cheap, without the envelope.
    public func mayAnswer(_ type: EventType) -> Bool {
        switch source {
        case .door: type.text.hasPrefix("webhook.")
        case .feed(let filter): filter.matches(type) && !(Self.unanswered.map(type.belongs) ?? false)
        }
    }

    /// Whether the event is one that it looks at: its door took it, or its source names the type.
    public func answers(_ event: TriggerEvent, id: TriggerID) -> Bool {
        switch source {
        case .door: event.door == id
        case .feed: mayAnswer(event.type) && event.depth < TriggerEvent.maximumDepth
        }
    }

    /// What all triggers that answer an event may cost together, in steps of JSONPath: some ten milliseconds.
    public static let budget = 500_000

    /// Matches and inputs; the pause between two actions is the caller's.
    public func judge(_ event: TriggerEvent) -> TriggerVerdict {
        var budget = Self.budget
        return judge(event, budget: &budget)
    }

    /// As `judge(_:)`, where the triggers of an event share a budget. What it does not suffice for does not act.
    public func judge(_ event: TriggerEvent, budget: inout Int) -> TriggerVerdict {
        let scope = isDoor ? event.atDoor ?? event.onFeed : event.onFeed
        var verdict = TriggerVerdict()
        for match in matches {
            if let objection = match.objection(to: scope.payload, &budget) { verdict.objections.append(objection) }
        }
        guard verdict.acts else { return verdict }
        var json = JSONWriter()
        json.beginObject()
        for (name, input) in inputs {
            guard let value = input.value(of: scope, &budget) else {
                verdict.objections.append("the input \(name) is required, and its path finds nothing")
                continue
            }
            json.key(dynamic: name)
            json.raw(value)
        }
        json.endObject()
        if json.bytes.count > TriggerLimits.inputBytes {
            verdict.objections.append("the inputs have more than \(TriggerLimits.inputBytes) bytes")
        }
        if verdict.acts { verdict.inputs = json.bytes }
        return verdict
    }

    /// `data` of the event that it emits.
    public func emission(of verdict: TriggerVerdict, trigger: TriggerID, event: EventID, depth: Int) -> [UInt8] {
        var json = JSONWriter(capacity: verdict.inputs.count + 128)
        json.object { json in
            json.member("trigger_id", trigger)
            json.member("event_id", event)
            json.member("depth", depth + 1)
            json.member("inputs", raw: verdict.inputs)
        }
        return json.bytes
    }
}
