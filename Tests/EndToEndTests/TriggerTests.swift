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

        @Test(.timeLimit(.minutes(1)), arguments: TestBackbone.available)
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

        @Test(.timeLimit(.minutes(1)), arguments: TestBackbone.available)
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
            #expect(bodies.map { String(decoding: $0, as: UTF8.self) } == [#"{"level":3}"#, #"{"level":"last"}"#])
            for id in [made.id, last.id] {
                #expect(try await installation.request("DELETE", "/v1/tenant/triggers/\(id)").status == 204)
            }
            try await installation.delete(webhook)
        }

        @Test(.timeLimit(.minutes(1)), arguments: TestBackbone.available)
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
