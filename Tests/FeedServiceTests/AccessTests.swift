internal import Backbone
internal import Crypto
internal import Database
internal import Egress
internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Observability
internal import Signing
internal import Store
internal import Synchronization
internal import TestSupport
internal import Testing

@testable internal import FeedService

@Suite struct AccessTests {
    /// The path with every place filled by an id of `fixture.other`, or of nobody.
    private func path(_ pattern: String, _ ids: [String: String]) -> String {
        var path = pattern
        for (name, id) in ids { path.replace("{\(name)}", with: id) }
        return path
    }

    @Test func `every route refuses a call without a token, and one with a token that nobody has`() async throws {
        try await withFeed { fixture in
            for route in fixture.service.routes {
                let path = path(
                    route.pattern, ["id": "x", "tenant": "x", "type": "x", "workspace_id": "x", "role": "x"])
                let none = try await fixture.call(route.method.rawValue, path, as: nil, Self.body(route))
                #expect(none.status == 401, "\(route.method) \(route.pattern)")
                #expect(none.raw["WWW-Authenticate"] == "Bearer")
                #expect(none.json.errorCode == "unauthorized")
                let unknown = try await fixture.call(
                    route.method.rawValue, path, as: "ff_" + String(repeating: "a", count: 38), Self.body(route))
                #expect(unknown.status == 401, "\(route.method) \(route.pattern)")
            }
        }
    }

    @Test func `every route refuses a token without its scope`() async throws {
        try await withFeed { fixture in
            for route in fixture.service.routes {
                let tokens: [String] =
                    switch route.access {
                    case .anyone: []
                    case .operator: [fixture.acme.admin, fixture.acme.reader]
                    case .tenant(let scopes):
                        [fixture.operatorToken]
                            + (scopes.contains(.eventsRead) ? [] : [fixture.acme.reader])
                            + (scopes.contains(.eventsWrite) ? [] : [fixture.acme.writer])
                    }
                let path = path(
                    route.pattern, ["id": "x", "tenant": "x", "type": "x", "workspace_id": "x", "role": "x"])
                for token in tokens {
                    let answer = try await fixture.call(route.method.rawValue, path, as: token, Self.body(route))
                    #expect(answer.status == 403, "\(route.method) \(route.pattern)")
                    #expect(answer.json.errorCode == "forbidden")
                }
            }
        }
    }

    @Test func `what belongs to another tenant is not there, on every route that names it`() async throws {
        try await withFeed { fixture in
            let webhook = try await fixture.webhook(fixture.other)
            let event = try await fixture.append(to: fixture.other)[0]
            let workspace = try await fixture.call("POST", "/v1/workspaces", as: fixture.other.admin, "{}")
            let token = try await fixture.call("GET", "/v1/tenant/tokens", as: fixture.other.admin)
            let delivery = DeliveryID(event: event, endpoint: webhook, cause: .live)
            try await fixture.insertAttempt(fixture.other.tenant, webhook, event, delivery)
            _ = try await fixture.call("PUT", "/v1/event-types/mine", as: fixture.other.admin, "{}")
            let workspaceID = workspace.json["id"]?.text ?? ""
            let role = "webhook.a.b"
            let put = try await fixture.call(
                "PUT", "/v1/workspaces/\(workspaceID)/roles/\(role)", as: fixture.other.admin, #"{"agent_id":"a"}"#)
            #expect(put.status == 201)
            let integration = try await fixture.call(
                "POST", "/v1/tenant/integrations", as: fixture.other.admin, #"{"channel":"github"}"#)
            let trigger = try await fixture.call(
                "POST", "/v1/tenant/triggers", as: fixture.other.admin, #"{"trigger":{"action":{"agent_id":"a"}}}"#)
            let run = try await fixture.queueRun(fixture.other, event: event)
            let letter = try await fixture.deadLetter(fixture.other, webhook).letter
            let job = try await fixture.call(
                "POST", "/v1/tenant/jobs", as: fixture.other.admin, #"{"action":"replay"}"#)
            let ids: [(String, String)] = [
                ("/v1/tenant/jobs/", job.json["id"]?.text ?? ""),
                ("/v1/tenant/dead-letters/", letter.description),
                ("/v1/tenant/integrations/", integration.json["id"]?.text ?? ""),
                ("/v1/tenant/agent-runs/", run.description),
                ("/v1/tenant/triggers/", trigger.json["id"]?.text ?? ""),
                ("/v1/tenant/webhooks/", webhook.description), ("/v1/events/", event.description),
                ("/v1/workspaces/", workspaceID), ("/v1/tenant/tokens/", token.json.ids[0]),
                ("/v1/tenant/deliveries/", delivery.description), ("/v1/event-types/", "mine"),
            ]
            var tried = 0
            for route in fixture.service.routes where route.pattern.contains("{") && route.access != .operator {
                // A tenant may name a type like another does.
                if route.method == .put { continue }
                let (_, id) = try #require(ids.first { route.pattern.hasPrefix($0.0) }, "an id for \(route.pattern)")
                let target = path(route.pattern, ["id": id, "type": id, "workspace_id": id, "role": role])
                let body = route.pattern.hasSuffix("resend") ? #"{"webhook_id":"\#(webhook)"}"# : Self.body(route)
                let answer = try await fixture.call(route.method.rawValue, target, as: fixture.acme.admin, body)
                #expect(answer.status == 404, "\(route.method) \(target)")
                #expect(answer.json.errorCode == "not_found")
                tried += 1
            }
            #expect(tried >= 14)
            // Nothing of it was touched.
            let mine = try await fixture.call(
                "GET", "/v1/tenant/webhooks/\(webhook)", as: fixture.other.admin)
            #expect(mine.json["active"]?.bool == true)
            #expect(try await fixture.call("GET", "/v1/events/\(event)", as: fixture.other.reader).status == 200)
            // Its own event to another's webhook neither.
            let own = try await fixture.append(to: fixture.acme)[0]
            let foreign = try await fixture.call(
                "POST", "/v1/events/\(own)/resend", as: fixture.acme.admin, #"{"webhook_id":"\#(webhook)"}"#)
            #expect(foreign.status == 404)
            // Lists show nothing of it.
            for list in [
                "/v1/tenant/webhooks", "/v1/workspaces", "/v1/tenant/deliveries", "/v1/tenant/audit",
                "/v1/tenant/dead-letters", "/v1/tenant/jobs",
            ] {
                #expect(try await fixture.call("GET", list, as: fixture.acme.admin).json["data"]?.elements == [])
            }
        }
    }

    @Test func `paths of ingest are misdirected here`() async throws {
        try await withFeed { fixture in
            for (method, path) in [
                ("POST", "/v1/events"), ("POST", "/v1/ingest/events"), ("POST", "/v1/webhook/github"),
                ("POST", "/v1/webhook/generic/trg_1"), ("POST", "/api/v1/webhooks/generic/ws_1"),
                ("POST", "/api/events/ingest"),
            ] {
                let answer = try await fixture.call(method, path, as: nil, "{}")
                #expect(answer.status == 421, "\(path)")
                #expect(answer.json["error"]?["message"]?.text?.contains("fanfare-ingest") == true)
            }
        }
    }

    @Test func `an api version is echoed, and an unknown one refused`() async throws {
        try await withFeed { fixture in
            let known = try await fixture.call(
                "GET", "/v1/meta", as: fixture.acme.reader, headers: [("IC-Api-Version", "2026-05-01")])
            #expect(known.status == 200)
            #expect(known.raw["IC-Api-Version"] == "2026-05-01")
            let unknown = try await fixture.call(
                "GET", "/v1/meta", as: fixture.acme.reader, headers: [("IC-Api-Version", "1999-01-01")])
            #expect(unknown.status == 400)
            #expect(unknown.json["error"]?["param"]?.text == "IC-Api-Version")
        }
    }

    private static func body(_ route: APIRoute) -> String? {
        [.post, .put, .patch].contains(route.method) ? "{}" : nil
    }
}
