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

@Suite struct AgentTests {
    private func workspace(_ fixture: FeedFixture) async throws -> String {
        let made = try await fixture.call("POST", "/v1/workspaces", as: fixture.acme.admin, "{}")
        return try #require(made.json["id"]?.text)
    }

    @Test func `a role is given, changed, listed and taken back`() async throws {
        try await withFeed { fixture in
            let path = "/v1/workspaces/\(try await workspace(fixture))/roles"
            let role = "webhook.stripe.payment_succeeded"
            let made = try await fixture.call(
                "PUT", "\(path)/\(role)", as: fixture.acme.admin, #"{"agent_id":"agent-7"}"#)
            #expect(made.status == 201)
            #expect(made.json["role"]?.text == role)
            let same = try await fixture.call(
                "PUT", "\(path)/\(role)", as: fixture.acme.admin, #"{"agent_id":"agent-7"}"#)
            #expect(same.status == 200)
            let other = try await fixture.call(
                "PUT", "\(path)/\(role)", as: fixture.acme.admin, #"{"agent_id":"agent-8"}"#)
            #expect(other.json["agent_id"]?.text == "agent-8")
            let found = try await fixture.call("GET", "\(path)/\(role)", as: fixture.acme.admin)
            #expect(found.json["agent_id"]?.text == "agent-8")
            let list = try await fixture.call("GET", path, as: fixture.acme.admin)
            #expect(list.json["data"]?.elements.map { $0["role"]?.text } == [role])
            #expect(try await fixture.call("DELETE", "\(path)/\(role)", as: fixture.acme.admin).status == 204)
            #expect(try await fixture.call("GET", "\(path)/\(role)", as: fixture.acme.admin).status == 404)
        }
    }

    @Test(arguments: [
        ("webhook.stripe", #"{"agent_id":"a"}"#), ("run.completed.x", #"{"agent_id":"a"}"#),
        ("webhook.test.x", #"{"agent_id":"a"}"#), ("webhook..x", #"{"agent_id":"a"}"#), ("webhook.a.b", "{}"),
        ("webhook.a.b", #"{"agent_id":""}"#), ("webhook.a.b", #"{"agent_id":"a b"}"#),
        ("webhook.a.b", #"{"agent_id":"a\u0000"}"#), ("webhook.a.b", #"{"agent_id":"a","x":1}"#),
    ]) func `a bad role is refused`(role: String, body: String) async throws {
        try await withFeed { fixture in
            let path = "/v1/workspaces/\(try await workspace(fixture))/roles/\(role)"
            #expect(try await fixture.call("PUT", path, as: fixture.acme.admin, body).status == 400)
        }
    }

    @Test func `runs are listed newest first and filtered`() async throws {
        try await withFeed { fixture in
            let events = try await fixture.append(3, to: fixture.acme)
            var runs: [String] = []
            for event in events { runs.append("\(try await fixture.queueRun(fixture.acme, event: event))") }
            let path = "/v1/tenant/agent-runs"
            let page = try await fixture.call("GET", path + "?limit=2", as: fixture.acme.admin)
            #expect(page.json.ids == [runs[2], runs[1]])
            let cursor = try #require(page.json["next_cursor"]?.text)
            let rest = try await fixture.call("GET", path + "?cursor=\(cursor)", as: fixture.acme.admin)
            #expect(rest.json.ids == [runs[0]])
            #expect(rest.json["next_cursor"] == .null)
            let one = try await fixture.call("GET", path + "?event_id=\(events[1])", as: fixture.acme.admin)
            #expect(one.json.ids == [runs[1]])
            let entry = try #require(one.json["data"]?.elements.first)
            #expect(entry["state"]?.text == "queued")
            #expect(entry["inputs"]?["source"]?.text == "a")
            #expect(entry["result"] == .null)
            let none = try await fixture.call("GET", path + "?state=running", as: fixture.acme.admin)
            #expect(none.json.ids.isEmpty)
            for query in ["state=lost", "cursor=x", "event_id=1"] {
                #expect(try await fixture.call("GET", path + "?" + query, as: fixture.acme.admin).status == 400)
            }
            #expect(try await fixture.call("GET", path, as: fixture.other.admin).json.ids.isEmpty)
        }
    }

    @Test func `whoever runs it reports back, and an end is the end`() async throws {
        try await withFeed { fixture in
            let event = try await fixture.append(to: fixture.acme)[0]
            let path = "/v1/tenant/agent-runs/\(try await fixture.queueRun(fixture.acme, event: event))"
            func report(_ body: String) async throws -> FeedFixture.Answer {
                try await fixture.call("PATCH", path, as: fixture.acme.admin, body)
            }
            #expect(try await report(#"{"state":"running"}"#).json["state"]?.text == "running")
            let done = try await report(#"{"state":"succeeded","result":{"b":1,"a":[2]}}"#)
            #expect(done.json["result"]?["a"]?.elements.count == 1)
            let late = try await report(#"{"state":"failed"}"#)
            #expect(late.status == 409)
            #expect(late.json.errorCode == "run_ended")
            // The same report again is no news.
            #expect(try await report(#"{"state":"succeeded"}"#).status == 200)
            #expect(try await report(#"{"result":null}"#).json["result"] == .null)
            #expect(try await report(#"{"state":"done"}"#).status == 400)
            #expect(try await report(#"{"status":"failed"}"#).status == 400)
            let found = try await fixture.call("GET", path, as: fixture.acme.admin)
            #expect(found.json["state"]?.text == "succeeded")
        }
    }

    @Test func `the audit is asked by direction, integration and verdict`() async throws {
        try await withFeed { fixture in
            var columns = InboundAuditColumns()
            let now = SystemClock().now()
            for (number, verdict) in [InboundRecord.Verdict.accepted, .refused, .duplicate].enumerated() {
                var record = InboundRecord(
                    tenant: fixture.acme.tenant, channel: "github", integration: "int_\(number % 2)", startedAt: now,
                    total: 700, status: 202, verdict: verdict)
                record.sourceIP = "192.0.2.1"
                record.headersSHA256 = [0xAB]
                record.age = 400
                columns.append(record)
            }
            try await fixture.pool.execute(
                InboundAuditStatement.statement, InboundAuditStatement.parameters(columns))
            func verdicts(_ query: String) async throws -> [String?] {
                let answer = try await fixture.call("GET", "/v1/tenant/audit?\(query)", as: fixture.acme.admin)
                return answer.json["data"]?.elements.map { $0["verdict"]?.text } ?? []
            }
            #expect(try await verdicts("direction=inbound") == ["duplicate", "refused", "accepted"])
            #expect(try await verdicts("direction=outbound") == [])
            #expect(try await verdicts("integration_id=int_0") == ["duplicate", "accepted"])
            #expect(try await verdicts("verdict=refused") == ["refused"])
            #expect(try await verdicts("integration_id=int_0&since=2999-01-01T00:00:00Z") == [])
            let row = try await fixture.call("GET", "/v1/tenant/audit?verdict=refused", as: fixture.acme.admin)
            let entry = try #require(row.json["data"]?.elements.first)
            #expect(entry["channel"]?.text == "github")
            #expect(entry["age_s"]?.int == 400)
            #expect(entry["source_ip"]?.text == "192.0.2.1")
            #expect(entry["headers_sha256"]?.text == "ab")
        }
    }
}
