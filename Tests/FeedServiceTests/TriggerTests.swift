internal import Crypto
internal import Database
internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Store
internal import TestSupport
internal import Testing

@testable internal import FeedService

/// Triggers by the API (contracts §9).
@Suite struct TriggerTests {
    private let path = "/v1/tenant/triggers"

    private static let yaml = """
        # from seed 2
        trigger:
          source: generic_webhook
          match:
            jsonpath: $.event_type
            equals: ticket.created
          action:
            agent_id: triage
            inputs: {title: "{{ payload.ticket.title }}"}
        """

    private func make(_ fixture: FeedFixture, _ body: String) async throws -> FeedFixture.Answer {
        let isJSON = body.hasPrefix("{")
        return try await fixture.call(
            "POST", path, as: fixture.acme.admin, body,
            contentType: isJSON ? "application/json" : "application/yaml; charset=utf-8")
    }

    @Test func `a document in YAML or JSON makes a trigger, and its secret is shown once`() async throws {
        try await withFeed { fixture in
            let made = try await make(fixture, Self.yaml)
            #expect(made.status == 201)
            let id = try #require(TriggerID(made.json["id"]?.text ?? ""))
            #expect(made.json["url"]?.text == "/v1/webhook/generic/\(id)")
            let secret = try #require(made.json["secret"]?.text)
            #expect(secret.hasPrefix("whsec_"))
            #expect(made.json["trigger"]?["action"]?["agent_id"]?.text == "triage")
            let own = try await make(
                fixture,
                #"{"trigger":{"name":"n","preset":"stripe","secret":"whsec_of the caller","action":{"emit":{"type":"a.b"}}}}"#
            )
            #expect(own.json["secret"]?.text == "whsec_of the caller")
            #expect(own.json["name"]?.text == "n")
            let list = try await fixture.call("GET", path, as: fixture.acme.admin)
            #expect(list.json.ids == ["\(id)", own.json["id"]?.text])
            for text in [
                list.raw.text, try await fixture.call("GET", "\(path)/\(id)", as: fixture.acme.admin).raw.text,
            ] {
                #expect(!text.contains(secret) && !text.contains("of the caller"))
            }
            // Its door is an integration that only the doors see.
            let integrations = try await fixture.call("GET", "/v1/tenant/integrations", as: fixture.acme.admin)
            #expect(integrations.json.ids.isEmpty)
            let door = TriggerStore.door(of: id)
            #expect(
                try await fixture.call("DELETE", "/v1/tenant/integrations/\(door)", as: fixture.acme.admin).status
                    == 404)
            let changes = try await IntegrationStore(fixture.pool).changes(since: 0)
            #expect(changes.changed.map(\.channel) == ["generic.combo", "generic.stripe"])
            #expect(changes.changed.first?.id == door)
            #expect(try await fixture.call("GET", "\(path)/\(id)", as: fixture.other.admin).status == 404)
            #expect(try await fixture.call("GET", path, as: fixture.acme.reader).status == 403)
        }
    }

    @Test(arguments: [
        ("trigger:\n  action: {agent_id: a}\n  match: {jsonpath: '$[', equals: 1}\n", "trigger.match.jsonpath", 3, 21),
        ("trigger:\n  action: {agent_id: a}\n  colour: red\n", "trigger.colour", 3, 11),
        ("trigger:\n  - a\n", "trigger", 2, 3), ("name: x\n", "name", 1, 7), ("active: true\n", "trigger", 1, 1),
        ("{\"trigger\":\n {\"action\": {\"emit\": {\"type\": \"a b\"}}}}", "trigger.action.emit.type", 2, 31),
        ("trigger: {action: {agent_id: a}}\nactive: maybe\n", "active", 2, 9),
    ])
    func `an error names the field, its line and its column`(
        body: String, param: String, line: Int, column: Int
    ) async throws {
        try await withFeed { fixture in
            let answer = try await make(fixture, body)
            #expect(answer.status == 400)
            #expect(answer.json["error"]?["param"]?.text == param)
            let message = answer.json["error"]?["message"]?.text ?? ""
            #expect(message.hasSuffix("(line \(line), column \(column))"), "\(message)")
        }
    }

    @Test func `a text that is neither JSON nor YAML is refused with its place, and other types are 415`() async throws
    {
        try await withFeed { fixture in
            let answer = try await make(fixture, "trigger:\n  a: b: c\n")
            #expect(answer.status == 400)
            #expect(answer.json["error"]?["code"]?.text == "malformed_document")
            #expect(answer.json["error"]?["message"]?.text?.hasSuffix("(line 2, column 7)") == true)
            let form = try await fixture.call(
                "POST", path, as: fixture.acme.admin, "a=b", contentType: "application/x-www-form-urlencoded")
            #expect(form.status == 415)
        }
    }

    @Test func `a change replaces fields, makes a revision, and moves the door with it`() async throws {
        try await withFeed { fixture in
            let made = try await make(fixture, Self.yaml)
            let id = try #require(TriggerID(made.json["id"]?.text ?? ""))
            func patch(_ body: String) async throws -> FeedFixture.Answer {
                try await fixture.call("PATCH", "\(path)/\(id)", as: fixture.acme.admin, body)
            }
            func door() async throws -> StoredIntegration? {
                try await TriggerStore(fixture.pool).door(id, tenant: fixture.acme.tenant)
            }
            let secrets = try #require(try await door()?.secrets)
            let changed = try await patch(#"{"trigger":{"match":null,"config":{"rate_per_s":5}}}"#)
            #expect(changed.status == 200)
            #expect(changed.json["secret"] == nil)
            #expect(changed.json["trigger"]?["match"] == nil)
            #expect(changed.json["trigger"]?["action"]?["agent_id"]?.text == "triage")
            #expect(try await door()?.config == Array(#"{"rate_per_s":5}"#.utf8))
            #expect(try await door()?.secrets == secrets)
            #expect(try await patch(#"{"trigger":{"match":{"jsonpath":"$.a"}}}"#).status == 400)
            let slack = try await patch(#"{"trigger":{"preset":"slack"},"active":false}"#)
            #expect(slack.json["secret"]?.text != nil)
            #expect(try await door()?.channel == "generic.slack")
            #expect(try await door()?.isActive == false)
            let rotated = try await fixture.call("POST", "\(path)/\(id)/rotate", as: fixture.acme.admin, "{}")
            #expect(rotated.status == 200)
            #expect(try await door()?.secrets.count == 2)
            let onFeed = try await patch(
                #"{"trigger":{"preset":null,"config":null,"source":{"types":["run"]}},"active":true}"#)
            #expect(onFeed.status == 200)
            #expect(onFeed.json["url"] == .null)
            #expect(try await door() == nil)
            #expect(try await fixture.call("POST", "\(path)/\(id)/rotate", as: fixture.acme.admin, "{}").status == 409)
            let revisions = try await RevisionStore(pool: fixture.pool).changes(since: 0).triggers
            #expect(revisions.map { $0.document == nil } == [false, false, true, false])
            #expect(try await fixture.call("DELETE", "\(path)/\(id)", as: fixture.acme.admin).status == 204)
            #expect(try await fixture.call("DELETE", "\(path)/\(id)", as: fixture.acme.admin).status == 404)
            #expect(try await RevisionStore(pool: fixture.pool).changes(since: 0).triggers.last?.document == nil)
        }
    }

    @Test func `changes at the same time lose nothing of one another`() async throws {
        try await withFeed { fixture in
            let made = try await make(fixture, Self.yaml)
            let id = try #require(TriggerID(made.json["id"]?.text ?? ""))
            let changes = [
                #"{"trigger":{"name":"both"}}"#, #"{"active":false}"#, #"{"trigger":{"debounce_s":7}}"#,
                #"{"trigger":{"config":{"rate_per_s":5}}}"#,
            ]
            let database = fixture.database.pool(connections: 2)
            try await withThrowingTaskGroup(of: Int.self) { group in
                try await database.transaction { session in
                    try await session.script("select 1 from fanfare.triggers where id = '\(id)' for update")
                    for change in changes {
                        group.addTask {
                            try await fixture.call("PATCH", "\(path)/\(id)", as: fixture.acme.admin, change).status
                        }
                    }
                    // Each has seen the trigger as it was, and waits to change it.
                    let waiting = Statement(
                        "trigger-test.waiting",
                        """
                        select count(*) from pg_stat_activity
                        where datname = current_database() and wait_event_type = 'Lock'
                        """)
                    try await eventually("all wait") { try await database.execute(waiting).int(0, 0) == changes.count }
                }
                for try await status in group { #expect(status == 200) }
            }
            let trigger = try await fixture.call("GET", "\(path)/\(id)", as: fixture.acme.admin).json
            #expect(trigger["name"]?.text == "both" && trigger["active"]?.bool == false, "\(trigger)")
            #expect(trigger["trigger"]?["debounce_s"]?.int == 7)
            #expect(trigger["trigger"]?["action"]?["agent_id"]?.text == "triage")
            let door = try await TriggerStore(fixture.pool).door(id, tenant: fixture.acme.tenant)
            #expect(door?.config == Array(#"{"rate_per_s":5}"#.utf8) && door?.isActive == false && door?.name == "both")
        }
    }

    @Test func `a dry run shows what a sample would produce, and why not`() async throws {
        try await withFeed { fixture in
            func run(_ body: String, _ type: String = "application/yaml") async throws -> JSONValue {
                let answer = try await fixture.call(
                    "POST", "\(path)/dry-run", as: fixture.acme.admin, body, contentType: type)
                #expect(answer.status == 200, "\(answer.raw.text)")
                return answer.json
            }
            let sample = "payload: {event_type: ticket.created, ticket: {title: Printer}}\n"
            let acts = try await run(Self.yaml + "\n" + sample)
            #expect(acts["acts"]?.bool == true)
            #expect(acts["type"]?.text == "webhook.generic.received")
            #expect(acts["run"]?["inputs"]?["title"]?.text == "Printer")
            #expect(acts["emit"] == .null)
            let not = try await run(Self.yaml + "\npayload: {event_type: ticket.closed, type: Ticket Closed}\n")
            #expect(not["type"]?.text == "webhook.generic.ticket_closed")
            #expect(not["acts"]?.bool == false)
            #expect(not["run"] == .null)
            #expect(not["objections"]?.elements.first?.text?.contains("$.event_type") == true)
            let made = try await make(fixture, Self.yaml)
            let stored = try await run("trigger_id: \(made.json["id"]?.text ?? "")\n" + sample)
            #expect(stored["acts"]?.bool == true)
            let feed = try await run(
                #"{"trigger":{"source":{"types":["run"]},"action":{"emit":{"type":"alarm"}}},"type":"run.failed","data":{}}"#,
                "application/json")
            #expect(feed["emit"]?["type"]?.text == "alarm")
            let other = try await run(
                #"{"trigger":{"source":{"types":["run"]},"action":{"agent_id":"a"}},"type":"slack.x","data":{}}"#,
                "application/json")
            #expect(other["acts"]?.bool == false)
            #expect(try await fixture.call("GET", "/v1/events", as: fixture.acme.admin).json.ids.isEmpty)
        }
    }
}
