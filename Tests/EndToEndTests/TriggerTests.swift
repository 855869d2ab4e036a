import Crypto
import EventCodec
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// Triggers with a URL and on the feed, and filters of webhooks.
    @Suite struct TriggerTests {
        private static let document = """
            trigger:
              name: tickets-\(UInt32.random(in: 0 ... .max))
              match: {jsonpath: $.event, equals: ticket.created}
              action:
                agent_id: triage
                inputs: {title: "{{ payload.ticket.title }}", shop: "{{ headers.x-shop }}"}
                emit: {type: tickets.noticed}
            """

        private struct Made {
            var id: String
            var url: String
            var secret: String
        }

        private func make(_ document: String, in installation: Installation) async throws -> Made {
            let answer = try await TestHTTP.request(
                "POST", port: installation.status.feedPort, "/v1/tenant/triggers",
                headers: [
                    ("Authorization", "Bearer \(installation.status.token)"), ("Content-Type", "application/yaml"),
                ], body: Array(document.utf8))
            #expect(answer.status == 201, "\(answer.text)")
            let json = try JSONValue(parsing: answer.body)
            func text(_ name: String) -> String { if case .string(let text)? = json[name] { text } else { "" } }
            return Made(id: text("id"), url: text("url"), secret: text("secret"))
        }

        private func send(
            _ body: String, _ id: String, to made: Made, _ installation: Installation, secret: String? = nil
        ) async throws -> TestAnswer {
            let timestamp = "\(Int(Date().timeIntervalSince1970))"
            let key = HMACKey(Array((secret ?? made.secret).utf8))
            let code = key.authenticationCode(for: Array("\(timestamp).\(body)".utf8))
            return try await TestHTTP.request(
                "POST", port: installation.status.ingestPort, made.url,
                headers: [
                    ("Content-Type", "application/json"), ("X-Combo-Timestamp", timestamp), ("X-Combo-Event-Id", id),
                    ("X-Combo-Signature", "sha256=\(code.hex)"), ("X-Shop", "acme"),
                ], body: Array(body.utf8))
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `a signed request starts a run and emits an event, once for each event`(backbone: TestBackbone)
            async throws
        {
            let installation = try await Shared.installation(backbone)
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let runs = try await installation.watch(receiver, events: ["agent.run.queued"])
            let other = try TestReceiver { _ in [.answer(204)] }
            let emitted = try await installation.watch(other, events: ["tickets.noticed"])
            let made = try await make(Self.document, in: installation)

            let first = #"{"event":"ticket.created","ticket":{"title":"Größe"}}"#
            // The door hears of it within a second.
            try await eventually("the door knows the trigger") {
                try await send(first, "t-1", to: made, installation).status == 200
            }
            #expect(try await send(first, "t-1", to: made, installation).status == 200)
            #expect(try await send(first, "t-2", to: made, installation, secret: "another secret").status == 401)
            #expect(try await send(#"{"event":"ticket.closed"}"#, "t-3", to: made, installation).status == 200)
            #expect(
                try await send(#"{"event":"ticket.created","ticket":{}}"#, "t-4", to: made, installation).status == 200)

            let requests = await receiver.requests.first(2)
            let data = try requests.map { try JSONValue(parsing: $0.body)["data"] ?? .null }
            #expect(data.map { $0["trigger_id"] } == [.string(made.id), .string(made.id)])
            #expect(data.map { $0["agent_id"] } == [.string("triage"), .string("triage")])
            let titles = Set(data.map { String(decoding: $0["inputs"]?.bytes ?? [], as: UTF8.self) })
            #expect(titles == [#"{"title":"Größe","shop":"acme"}"#, #"{"title":null,"shop":"acme"}"#])
            #expect(Set(data.map { $0["event_id"] }).count == 2)
            let list = try await installation.request("GET", "/v1/tenant/agent-runs?limit=1000")
            #expect(list.text.components(separatedBy: made.id).count - 1 == 2)

            let noticed = await other.requests.first(2)
            #expect(Set(noticed.map { $0.header("X-IC-Event-Type") }) == ["tickets.noticed"])
            let causes = try noticed.map { try JSONValue(parsing: $0.body)["data"]?["event_id"] }
            #expect(Set(causes) == Set(data.map { $0["event_id"] }))
            #expect(try await installation.request("DELETE", "/v1/tenant/triggers/\(made.id)").status == 204)
            try await eventually("the door is closed") {
                try await send(first, "t-5", to: made, installation).status == 404
            }
            #expect(receiver.requests.values.count == 2)
            try await installation.delete(runs)
            try await installation.delete(emitted)
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `a trigger on the feed acts on what it was made for, and rests in between`(backbone: TestBackbone)
            async throws
        {
            let installation = try await Shared.installation(backbone)
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let webhook = try await installation.watch(receiver, events: ["alarms.raised"])
            let made = try await make(
                """
                trigger:
                  source: {types: [sensor]}
                  match: {jsonpath: $.level, in: [3, 4]}
                  action: {inputs: {level: "{{ payload.level }}"}, emit: {type: alarms.raised}}
                  debounce_s: 3600
                """, in: installation)
            #expect(made.url.isEmpty && made.secret.isEmpty)
            for level in [1, 3, 4, 3] { _ = try await installation.publish("sensor.read", #"{"level":\#(level)}"#) }
            // Its own emission lets us know that the others were seen: the same tenant's events keep their order.
            let last = try await make(
                "trigger: {source: {types: [sensor]}, action: {inputs: {level: last}, emit: {type: alarms.raised}}}",
                in: installation)
            _ = try await installation.publish("sensor.read", #"{"level":1}"#)
            let bodies = try await receiver.requests.first(2).map { request in
                try JSONValue(parsing: request.body)["data"]?["inputs"]?.bytes ?? []
            }
            // POSTs to one endpoint overtake one another.
            let levels = Set(bodies.map { String(decoding: $0, as: UTF8.self) })
            #expect(levels == [#"{"level":3}"#, #"{"level":"last"}"#])
            let emitted = try await installation.rows(
                of: """
                    select 1 as n from fanfare.events
                    where type = 'alarms.raised' and position('\(made.id)'::bytea in envelope) > 0
                    """)
            #expect(emitted.count == 1)
            for id in [made.id, last.id] {
                #expect(try await installation.request("DELETE", "/v1/tenant/triggers/\(id)").status == 204)
            }
            try await installation.delete(webhook)
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `each preset's sender is verified, and its event acts once`(backbone: TestBackbone) async throws {
            let installation = try await Shared.installation(backbone)
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let webhook = try await installation.watch(receiver, events: ["presets"])
            let presets = [
                "combo", "stripe", "slack", "shopify", "standard_webhooks", "svix", "gitea", "github_like",
            ]
            for preset in presets {
                let made = try await make(
                    """
                    trigger:
                      preset: \(preset)
                      action: {inputs: {n: "{{ payload.n }}", type: "{{ event.type }}"}, emit: {type: presets.\(preset)}}
                    """, in: installation)
                let path = "\(installation.folder)/sample-preset-\(preset)"
                try Installation.append(#"{"type":"thing.made","event":{"type":"thing.made"},"n":7}"#, to: path)
                let arguments = [
                    "send", path, "--as", preset, "--to", made.id, "--event", "thing.made", "--id", "one",
                ]
                let sent = try await eventually("the door knows the trigger") {
                    let sent = try await installation.tool(arguments + ["--secret", made.secret])
                    return sent.output.hasPrefix("404") ? nil : sent
                }
                #expect(sent.code == 0, "\(preset): \(sent.output) \(sent.errors)")
                let wrong = try await installation.tool(
                    arguments + ["--secret", "whsec_bm90IHRoZSByaWdodCBvbmUgYXQgYWxs"])
                #expect(wrong.output.hasPrefix("401"), "\(preset): \(wrong.output) \(wrong.errors)")
            }
            let requests = await receiver.requests.first(presets.count)
            #expect(
                requests.compactMap { $0.header("X-IC-Event-Type") }.sorted()
                    == presets.map { "presets.\($0)" }.sorted())
            for request in requests {
                let inputs = try JSONValue(parsing: request.body)["data"]?["inputs"]
                let preset = request.header("X-IC-Event-Type")?.dropFirst("presets.".count) ?? ""
                let source = preset == "combo" ? "generic" : preset
                #expect(inputs?["n"] == .number(JSONNumber(7)), "\(preset)")
                #expect(inputs?["type"] == .string("webhook.\(source).thing_made"), "\(preset)")
            }
            try await installation.delete(webhook)
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `Slack's challenge is answered by a trigger's door`(backbone: TestBackbone) async throws {
            let installation = try await Shared.installation(backbone)
            let made = try await make("trigger: {preset: slack, action: {agent_id: a}}", in: installation)
            let body = #"{"type":"url_verification","token":"x","challenge":"3eZbrw1a"}"#
            let timestamp = "\(Int(Date().timeIntervalSince1970))"
            let code = HMACKey(Array(made.secret.utf8)).authenticationCode(for: Array("v0:\(timestamp):\(body)".utf8))
            let answer = try await eventually("the door knows the trigger") {
                let answer = try await TestHTTP.request(
                    "POST", port: installation.status.ingestPort, made.url,
                    headers: [
                        ("Content-Type", "application/json"), ("X-Slack-Request-Timestamp", timestamp),
                        ("X-Slack-Signature", "v0=\(code.hex)"),
                    ], body: Array(body.utf8))
                return answer.status == 404 ? nil : answer
            }
            #expect(answer.status == 200)
            #expect(answer.text.contains("3eZbrw1a"))
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `kill -9 of the matcher acts on no event twice and forgets none`(backbone: TestBackbone) async throws {
            let installation = try await Shared.batteredInstallation(backbone)
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let webhook = try await installation.watch(receiver, events: ["battered.emitted"])
            let made = try await make(
                "trigger: {source: {types: [battered.seen]}, action: {agent_id: a, emit: {type: battered.emitted}}}",
                in: installation)
            let count = 80
            for number in 0..<count {
                _ = try await installation.publish("battered.seen", #"{"n":\#(number)}"#)
                if number % 40 == 20 {
                    try await installation.kill(.matcher)
                    try await installation.up()
                }
            }
            func number(_ sql: String) async throws -> Int64 {
                guard case .number(let number)? = try await installation.rows(of: sql).first?["n"] else { return -1 }
                return number.int ?? -1
            }
            try await eventually("every event is acted on") {
                try await number(
                    """
                    select count(*) as n from fanfare.agent_runs
                    where trigger_id = '\(made.id)' and announced_at is not null
                    """) == Int64(count)
            }
            // A matcher that dies may leave a delivery in its lane twice; an event is there once.
            try await eventually("every emission is delivered") {
                Set(receiver.requests.values.compactMap { $0.header("X-IC-Event-Id") }).count == count
            }
            #expect(
                try await number("select count(*) as n from fanfare.events where type = 'battered.emitted'")
                    == Int64(count))
            try await installation.delete(webhook)
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available)
        func `a filter keeps back what it does not want`(backbone: TestBackbone) async throws {
            let installation = try await Shared.installation(backbone)
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let webhook = try await installation.watch(
                receiver, events: ["paid"], #""filter":"$.data.amount > 100 && $.data.currency == 'EUR'""#)
            var wanted: [String] = []
            for (amount, currency) in [(50, "EUR"), (500, "USD"), (101, "EUR"), (1, "EUR"), (200, "EUR")] {
                let id = try await installation.publish("paid.x", #"{"amount":\#(amount),"currency":"\#(currency)"}"#)
                if amount > 100, currency == "EUR" { wanted.append(id) }
            }
            #expect(
                await receiver.requests.first(2).compactMap { $0.header("X-IC-Event-Id") }.sorted() == wanted.sorted())
            try await installation.delete(webhook)
        }
    }
}
