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

@Suite struct TenancyTests {
    @Test func `an operator makes, names, lists and removes tenants`() async throws {
        try await withFeed { fixture in
            let made = try await fixture.call(
                "POST", "/v1/admin/tenants", as: fixture.operatorToken, #"{"name":"Umbrella"}"#)
            #expect(made.status == 201)
            let id = try #require(made.json["id"]?.text)
            #expect(id.hasPrefix("ten_"))
            let put = try await fixture.call(
                "PUT", "/v1/admin/tenants/own-id", as: fixture.operatorToken, #"{"name":"Own"}"#)
            #expect(put.status == 201)
            let again = try await fixture.call("PUT", "/v1/admin/tenants/own-id", as: fixture.operatorToken, "{}")
            #expect(again.status == 200)
            #expect(again.json["name"]?.text == "Own")
            let list = try await fixture.call("GET", "/v1/admin/tenants?limit=2", as: fixture.operatorToken)
            #expect(list.json.ids == ["acme", "other"])
            #expect(list.json["has_more"]?.bool == true)
            let rest = try await fixture.call(
                "GET", "/v1/admin/tenants?cursor=\(list.json["next_cursor"]?.text ?? "")", as: fixture.operatorToken)
            #expect(rest.json.ids == ["own-id", id])
            #expect(rest.json["next_cursor"] == .null)
            for _ in 0..<1 {
                let gone = try await fixture.call("DELETE", "/v1/admin/tenants/own-id", as: fixture.operatorToken)
                #expect(gone.status == 204)
            }
            let gone = try await fixture.call("DELETE", "/v1/admin/tenants/own-id", as: fixture.operatorToken)
            #expect(gone.status == 404)
            let bad = try await fixture.call("PUT", "/v1/admin/tenants/a%20b", as: fixture.operatorToken, "{}")
            #expect(bad.status == 400)
        }
    }

    @Test func `a token works the moment after it was made, and no longer the moment after it was revoked`()
        async throws
    {
        try await withFeed { fixture in
            for round in 0..<5 {
                let made = try await fixture.call(
                    "POST", "/v1/admin/tenants/acme/tokens", as: fixture.operatorToken,
                    #"{"scopes":["events:read"],"label":"round \#(round)"}"#)
                #expect(made.status == 201)
                let token = try #require(made.json["token"]?.text)
                #expect(try await fixture.call("GET", "/v1/events", as: token).status == 200)
                let id = try #require(made.json["id"]?.text)
                let revoked = try await fixture.call("DELETE", "/v1/tenant/tokens/\(id)", as: fixture.acme.admin)
                #expect(revoked.status == 204)
                try await expectRevoked(fixture, token)
                let again = try await fixture.call("DELETE", "/v1/tenant/tokens/\(id)", as: fixture.acme.admin)
                #expect(again.status == 404)
            }
        }
    }

    /// The directory hears of it from Postgres, a few milliseconds later.
    private func expectRevoked(_ fixture: FeedFixture, _ token: String) async throws {
        for _ in 0..<100 where try await fixture.call("GET", "/v1/events", as: token).status != 401 {}
        #expect(try await fixture.call("GET", "/v1/events", as: token).status == 401)
    }

    @Test func `the token itself is shown once, and lists tell tokens apart`() async throws {
        try await withFeed { fixture in
            let made = try await fixture.call(
                "POST", "/v1/tenant/tokens", as: fixture.acme.admin,
                #"{"scopes":["events:write"],"label":"ci","expires_at":"2999-01-01T00:00:00Z"}"#)
            let token = try #require(made.json["token"]?.text)
            let list = try await fixture.call("GET", "/v1/tenant/tokens", as: fixture.acme.admin)
            #expect(!list.raw.text.contains(token))
            let entry = try #require(list.json["data"]?.elements.first { $0["label"]?.text == "ci" })
            #expect(entry["scopes"]?.elements.map(\.text) == ["events:write"])
            #expect(token.hasPrefix(entry["hint"]?.text ?? "?"))
            #expect(entry["token"] == nil)
        }
    }

    @Test(arguments: [
        #"{"scopes":["operator"]}"#, #"{"scopes":["everything"]}"#, #"{"scopes":[]}"#, #"{"scopes":"events:read"}"#,
        #"{"expires_at":"2001-01-01T00:00:00Z"}"#, #"{"label":7}"#, "[]", "{",
    ]) func `a bad wish for a token is refused`(body: String) async throws {
        try await withFeed { fixture in
            let answer = try await fixture.call("POST", "/v1/tenant/tokens", as: fixture.acme.admin, body)
            #expect(answer.status == 400)
        }
    }

    @Test func `a deleted tenant's tokens end, and its webhooks end as deleted`() async throws {
        try await withFeed { fixture in
            let webhook = try await fixture.webhook(fixture.acme)
            let gone = try await fixture.call("DELETE", "/v1/admin/tenants/acme", as: fixture.operatorToken)
            #expect(gone.status == 204)
            try await expectRevoked(fixture, fixture.acme.admin)
            let revisions = try await fixture.revisions(webhook)
            #expect(revisions == ["active", "deleted"])
        }
    }

    @Test func `a workspace's id is its door, and what it requires can be changed`() async throws {
        try await withFeed { fixture in
            let made = try await fixture.call("POST", "/v1/workspaces", as: fixture.acme.admin, #"{"name":"shop"}"#)
            #expect(made.status == 201)
            let id = try #require(made.json["id"]?.text)
            #expect(WorkspaceID(id) != nil)
            #expect(made.json["require"]?.text == "none")
            #expect(made.json["secret"] == nil)
            let changed = try await fixture.call(
                "PATCH", "/v1/workspaces/\(id)", as: fixture.acme.admin,
                #"{"require":"signature","rate_per_s":5,"ignore_request_id":true}"#)
            #expect(changed.status == 200)
            #expect(changed.json["ignore_request_id"]?.bool == true)
            #expect(changed.json["rate_per_s"]?.double == 5)
            // A secret is needed now, and was made.
            let secret = try #require(changed.json["secret"]?.text)
            let found = try await fixture.call("GET", "/v1/workspaces/\(id)", as: fixture.acme.admin)
            #expect(found.json["secret"] == nil)
            // What ingest sees.
            let workspaceID = try #require(WorkspaceID(id))
            let sealed = try await eventually("the doors know the secret") {
                if case .known(let record) = await fixture.directory.findWorkspace(workspaceID) {
                    record.sealedSecrets.first
                } else {
                    nil
                }
            }
            let opened = try fixture.secrets.open(sealed, context: WorkspaceRecord.secretContext(workspaceID))
            #expect(String(decoding: opened, as: UTF8.self) == secret)
            let reset = try await fixture.call(
                "PATCH", "/v1/workspaces/\(id)", as: fixture.acme.admin, #"{"rate_per_s":null,"require":"none"}"#)
            #expect(reset.json["rate_per_s"] == .null)
            #expect(try await fixture.call("DELETE", "/v1/workspaces/\(id)", as: fixture.acme.admin).status == 204)
            #expect(try await fixture.call("DELETE", "/v1/workspaces/\(id)", as: fixture.acme.admin).status == 404)
        }
    }
}
