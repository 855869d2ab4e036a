import EventCodec
import EventModel
import Testing
import Triggers
import YAML

@Suite struct TriggerTests {
    private let id = TriggerID(Ulid(high: 7, low: 1))

    private func document(_ yaml: String) throws -> TriggerDocument {
        let text = try TriggerDocument.read(Array(yaml.utf8))
        return try TriggerDocument(try #require(text.value["trigger"]))
    }

    /// An event as a trigger's door makes it.
    private func taken(_ payload: String, type: String = "webhook.generic.ticket") throws -> TriggerEvent {
        let envelope = """
            {"v":1,"id":"evt_01","type":"\(type)","created_at":"2026-01-01T00:00:00.000Z","tenant_id":"ten_1","smith_id":null,\
            "data":{"trigger_id":"\(id)","headers":{"x-shop":"acme","x-n":"7"},"payload":\(payload)}}
            """
        return try #require(TriggerEvent(envelope: Array(envelope.utf8)))
    }

    private func stored(_ data: String, type: String) throws -> TriggerEvent {
        let envelope = """
            {"v":1,"id":"evt_02","type":"\(type)","created_at":"2026-01-01T00:00:00.000Z","tenant_id":"ten_1","smith_id":"s1",\
            "data":\(data)}
            """
        return try #require(TriggerEvent(envelope: Array(envelope.utf8)))
    }

    private static let seed = """
        trigger:
          source: generic_webhook
          secret: a secret of sixteen
          match:
            jsonpath: $.event_type
            equals: ticket.created
          action:
            agent_id: triage
            inputs:
              title: "{{ payload.ticket.title }}"
              line: "#{{ payload.ticket.id }} from {{ headers.X-Shop }} ({{event.type}}), {{ payload.nothing }}"
              first: "{{ payload.ticket.tags[0] }}"
              query: "{{ $.ticket.tags[-1] }}"
              kind: support
              level: 3
              owner: {path: "$.ticket.owner", default: nobody}
        """

    @Test func `seed 2's document starts an agent with inputs from the payload`() throws {
        let document = try document(Self.seed)
        let event = try taken(
            #"{"event_type":"ticket.created","ticket":{"title":"Größe \"7\"","id":12,"tags":["a",{"b":[1.50]}]}}"#)
        #expect(document.definition.answers(event, id: id))
        #expect(!document.definition.answers(event, id: TriggerID(Ulid(high: 7, low: 2))))
        let verdict = document.definition.judge(event)
        #expect(verdict.objections == [])
        let expected =
            ##"{"title":"Größe \"7\"","line":"#12 from acme (webhook.generic.ticket), ","first":"a","query":{"b":[1.50]},"kind":"support","level":3,"owner":"nobody"}"##
        #expect(String(decoding: verdict.inputs, as: UTF8.self) == expected)
        #expect(document.definition.action.agent == "triage")
        #expect(
            String(decoding: document.door?.secrets ?? [], as: UTF8.self) == #"{"secrets":["a secret of sixteen"]}"#)
        #expect(!String(decoding: document.json, as: UTF8.self).contains("sixteen"))
        let other = document.definition.judge(try taken(#"{"event_type":"ticket.closed"}"#))
        #expect(other.objections == [#"$.event_type finds another value than equals "ticket.created""#])
    }

    @Test(arguments: [
        ("{jsonpath: $.n, equals: 1}", true), ("{jsonpath: $.n, equals: 1.0}", true),
        ("{jsonpath: $.n, equals: '1'}", false),
        ("{jsonpath: $.nil, equals: null}", true), ("{jsonpath: $.o, equals: {b: [1, x], a: true}}", true),
        ("{jsonpath: $.o, equals: {a: true}}", false), ("{jsonpath: '$.list[*]', equals: 3}", true),
        ("{jsonpath: $.s, in: [x, main]}", true), ("{jsonpath: $.s, in: [x]}", false),
        ("{jsonpath: $.s, exists: true}", true),
        ("{jsonpath: $.none, exists: false}", true), ("{jsonpath: $.s, exists: false}", false),
        ("{jsonpath: $.s, matches: 'm.*n'}", true), ("{jsonpath: $.s, matches: 'm'}", false),
        ("{jsonpath: $.n, matches: '1'}", false),
        ("[{jsonpath: $.n, equals: 1}, {jsonpath: $.s, equals: main}]", true),
        ("[{jsonpath: $.n, equals: 1}, {jsonpath: $.s, equals: dev}]", false), ("[]", true),
    ])
    func `all matches must hold`(match: String, expected: Bool) throws {
        let trigger = try document("trigger:\n  match: \(match)\n  action: {agent_id: a}\n")
        let payload = #"{"n":1,"s":"main","nil":null,"o":{"a":true,"b":[1,"x"]},"list":[1,2,3]}"#
        #expect(trigger.definition.judge(try taken(payload)).acts == expected, "\(match)")
    }

    @Test func `the triggers of an event share a budget, and what it does not suffice for does not act`() throws {
        let list = "[" + repeatElement("{\"a\":\"xxxxxxxx\"}", count: 2_000).joined(separator: ",") + "]"
        let event = try taken("{\"list\":\(list)}")
        let query = try document("trigger: {match: {jsonpath: '$..a', equals: xxxxxxxx}, action: {agent_id: a}}")
            .definition
        let regexp = try document(
            "trigger: {match: {jsonpath: '$.list[*].a', matches: '(y|x?){50}z'}, action: {agent_id: a}}"
        ).definition
        for trigger in [query, regexp] {
            var budget = 30_000
            let verdicts = (0..<20).map { _ in trigger.judge(event, budget: &budget) }
            #expect(verdicts.last?.objections.first?.contains("too much work") == true)
            #expect(!verdicts.contains { $0.acts } || verdicts[0].acts)
        }
        #expect(query.judge(event).acts)
    }

    @Test func `an input that is required and not there keeps it from acting`() throws {
        let trigger = try document("trigger: {inputs: {pr: {path: $.pr, required: true}}, action: {agent_id: a}}")
        #expect(trigger.definition.judge(try taken(#"{"pr":7}"#)).inputs == Array(#"{"pr":7}"#.utf8))
        #expect(
            trigger.definition.judge(try taken("{}")).objections
                == ["the input pr is required, and its path finds nothing"])
    }

    @Test func `a trigger on the feed answers types, and nothing of its own kind without end`() throws {
        let trigger = try document(
            "trigger: {source: {types: [run, '*']}, action: {emit: {type: alarm.raised}, inputs: {who: '{{ event.smith_id }}', x: '{{payload.a}}'}}}"
        )
        #expect(trigger.door == nil)
        let event = try stored(#"{"a":[1]}"#, type: "run.failed")
        #expect(trigger.definition.answers(event, id: id))
        let verdict = trigger.definition.judge(event)
        #expect(verdict.inputs == Array(#"{"who":"s1","x":[1]}"#.utf8))
        #expect(!trigger.definition.answers(try stored("{}", type: "agent.run.queued"), id: id))
        var depth = 0
        var data = "{}"
        while trigger.definition.answers(try stored(data, type: "alarm.raised"), id: id) {
            let next = trigger.definition.emission(
                of: verdict, trigger: id, event: EventID(Ulid(high: 1, low: 1)), depth: depth)
            data = String(decoding: next, as: UTF8.self)
            depth = try stored(data, type: "alarm.raised").depth
            #expect(depth <= TriggerEvent.maximumDepth)
        }
        #expect(depth == TriggerEvent.maximumDepth)
    }

    @Test func `the payload is what the door took, or what stands on the feed`() throws {
        let event = try taken(#"{"a":1}"#, type: "webhook.stripe.x")
        let door = try document(
            "trigger: {preset: stripe, match: {jsonpath: $.a, exists: true}, action: {agent_id: a}}")
        #expect(door.definition.judge(event).acts)
        let feed = try document(
            "trigger: {source: {types: [webhook]}, match: {jsonpath: $.payload.a, exists: true}, action: {agent_id: a}}"
        )
        #expect(feed.definition.answers(event, id: id))
        #expect(feed.definition.judge(event).acts)
    }

    @Test(arguments: [
        ("trigger: {}", "trigger.action"), ("trigger: {action: {}}", "trigger.action"),
        ("trigger: {action: {agent_id: \"a\\0\"}}", "trigger.action.agent_id"),
        ("trigger: {action: {agent_id: a}, colour: red}", "trigger.colour"),
        ("trigger: {action: {agent_id: a}, match: {jsonpath: $.a}}", "trigger.match.jsonpath"),
        ("trigger: {action: {agent_id: a}, match: {jsonpath: '$[', equals: 1}}", "trigger.match.jsonpath"),
        ("trigger: {action: {agent_id: a}, match: [{jsonpath: $.a, matches: '('}]}", "trigger.match[0].matches"),
        ("trigger: {action: {agent_id: a}, match: [{jsonpath: $.a, is: 1}]}", "trigger.match[0].is"),
        ("trigger: {action: {agent_id: a}, match: [1]}", "trigger.match[0]"),
        ("trigger: {action: {agent_id: a}, preset: strip}", "trigger.preset"),
        ("trigger: {action: {agent_id: a}, config: {tolerance: 3}}", "trigger.config.tolerance"),
        ("trigger: {action: {agent_id: a}, source: {types: []}}", "trigger.source.types"),
        ("trigger: {action: {agent_id: a}, source: {types: [a..b]}}", "trigger.source.types[0]"),
        ("trigger: {action: {agent_id: a}, source: {types: [a]}, preset: stripe}", "trigger.preset"),
        ("trigger: {action: {agent_id: a}, source: {types: [a]}, secret: 1234567890}", "trigger.secret"),
        ("trigger: {action: {agent_id: a}, source: feed}", "trigger.source"),
        ("trigger: {action: {agent_id: a, inputs: {x: '{{ paylod.a }}'}}}", "trigger.action.inputs.x"),
        ("trigger: {action: {agent_id: a, inputs: {x: '{{ payload.a '}}}", "trigger.action.inputs.x"),
        ("trigger: {action: {agent_id: a}, inputs: {x: {path: a}}}", "trigger.inputs.x.path"),
        ("trigger: {action: {agent_id: a}, inputs: {x: {pth: a}}}", "trigger.inputs.x.pth"),
        ("trigger: {action: {emit: {type: agent.run.queued}}}", "trigger.action.emit.type"),
        ("trigger: {action: {emit: {type: a b}}}", "trigger.action.emit.type"),
        ("trigger: {action: {agent_id: a}, debounce_s: 0}", "trigger.debounce_s"),
        ("trigger: {action: {agent_id: a}, secrets: {secret: [a]}}", "trigger.secrets.secret"),
    ])
    func `a wrong document is refused with the field's path`(yaml: String, param: String) {
        #expect("\(yaml)") { try document(yaml) } throws: { ($0 as? JSONFieldError)?.param == param }
    }
}
