internal import Backbone
internal import Crypto
internal import Database
internal import Egress
internal import EventCodec
internal import EventModel
internal import HTTPServer
internal import Inbound
internal import Observability
internal import Signing
internal import Store
internal import Synchronization
internal import TestSupport
internal import Testing

@testable internal import FeedService

@Suite struct IntegrationTests {
    private func make(_ fixture: FeedFixture, _ body: String) async throws -> FeedFixture.Answer {
        try await fixture.call("POST", "/v1/tenant/integrations", as: fixture.acme.admin, body)
    }

    @Test func `secrets are shown once, and the doors find them sealed`() async throws {
        try await withFeed { fixture in
            let made = try await make(
                fixture, #"{"channel":"github","name":"ours","config":{"allow_sha1":true,"rate_per_s":5}}"#)
            #expect(made.status == 201)
            let id = try #require(IntegrationID(made.json["id"]?.text ?? ""))
            #expect(made.json["path"]?.text == "/v1/webhook/github/\(id)")
            #expect(made.json["config"]?["allow_sha1"]?.bool == true)
            #expect(made.json["active"]?.bool == true)
            let secret = try #require(made.json["secrets"]?["webhook_secrets"]?.elements.first?.text)
            let found = try await fixture.call("GET", "/v1/tenant/integrations/\(id)", as: fixture.acme.admin)
            #expect(!found.raw.text.contains(secret))
            let list = try await fixture.call("GET", "/v1/tenant/integrations?channel=github", as: fixture.acme.admin)
            #expect(list.json.ids == ["\(id)"])
            #expect(!list.raw.text.contains(secret))
            let none = try await fixture.call("GET", "/v1/tenant/integrations?channel=lark", as: fixture.acme.admin)
            #expect(none.json.ids.isEmpty)

            // What ingest reads.
            let stored = try #require(try await IntegrationStore(fixture.pool).changes(since: 0).changed.last)
            let opened = try fixture.secrets.open(
                stored.secrets[0].sealed, context: StoredIntegration.secretContext(id))
            #expect(try JSONValue(parsing: opened)["webhook_secrets"]?.elements.first?.text == secret)
            #expect(throws: (any Error).self) {
                try fixture.secrets.open(stored.secrets[0].sealed, context: "integration:another")
            }
        }
    }

    @Test func `a rotation makes new secrets and keeps the old ones for seven days`() async throws {
        try await withFeed { fixture in
            let made = try await make(
                fixture, #"{"channel":"wecom","secrets":{"token":"t","receive_id":"corp"}}"#)
            let id = try #require(made.json["id"]?.text)
            #expect(made.json["secrets"]?["token"]?.text == "t")
            let rotated = try await fixture.call(
                "POST", "/v1/tenant/integrations/\(id)/rotate", as: fixture.acme.admin)
            #expect(rotated.status == 200)
            #expect(rotated.json["secrets"]?["token"]?.text != "t")
            let sets = rotated.json["secret_sets"]?.elements ?? []
            #expect(sets.count == 2)
            #expect(sets.first?["expires_at"] == .null)
            #expect(sets.last?["expires_at"]?.text != nil)
            #expect(sets.first?["id"]?.text != sets.last?["id"]?.text)
            let given = try await fixture.call(
                "POST", "/v1/tenant/integrations/\(id)/rotate", as: fixture.acme.admin, #"{"secrets":{"token":"mine"}}"#
            )
            #expect(given.json["secrets"]?["token"]?.text == "mine")
            #expect(
                given.json["secrets"]?["encoding_aes_key"]?.text == rotated.json["secrets"]?["encoding_aes_key"]?.text)
            let integration = try #require(IntegrationID(id))
            let kept = try #require(
                try await IntegrationStore(fixture.pool).find(integration, tenant: fixture.acme.tenant))
            let tokens = try kept.secrets.map { set in
                try JSONValue(parsing: try fixture.secrets.open(set.sealed, context: "integration:\(id)"))["token"]?
                    .text
            }
            #expect(tokens.first == "mine")
            #expect(tokens.last == "t")
        }
    }

    @Test func `a change keeps what it does not name, and makes the secrets that new settings ask for`() async throws {
        try await withFeed { fixture in
            let made = try await make(fixture, #"{"channel":"gitlab","name":"a","config":{"tolerance_s":60}}"#)
            let id = try #require(made.json["id"]?.text)
            let path = "/v1/tenant/integrations/\(id)"
            let off = try await fixture.call("PATCH", path, as: fixture.acme.admin, #"{"active":false,"name":"b"}"#)
            #expect(off.json["active"]?.bool == false)
            #expect(off.json["config"]?["tolerance_s"]?.int == 60)
            #expect(off.json["secrets"] == nil)
            let strict = try await fixture.call(
                "PATCH", path, as: fixture.acme.admin, #"{"config":{"require_signature":true}}"#)
            #expect(strict.json["config"]?["tolerance_s"] == nil)
            #expect(strict.json["secrets"]?["signing_tokens"]?.elements.count == 1)
            #expect(strict.json["secrets"]?["secret_token"]?.text == made.json["secrets"]?["secret_token"]?.text)
            let replaced = try await fixture.call(
                "PATCH", path, as: fixture.acme.admin, #"{"secrets":{"secret_token":"new-token"}}"#)
            #expect(replaced.json["secret_sets"]?.elements.count == 1)
            let reset = try await fixture.call("PATCH", path, as: fixture.acme.admin, #"{"config":null}"#)
            #expect(reset.json["config"] == .object([]))
            #expect(try await fixture.call("DELETE", path, as: fixture.acme.admin).status == 204)
            #expect(try await fixture.call("DELETE", path, as: fixture.acme.admin).status == 404)
        }
    }

    @Test(arguments: [
        (#"{}"#, "channel"), (#"{"channel":"svn"}"#, "channel"), (#"{"channel":"github","colour":1}"#, "colour"),
        (#"{"channel":"github","config":{"mode":"signature"}}"#, "config.mode"),
        (#"{"channel":"github","config":{"tolerance_s":0}}"#, "config.tolerance_s"),
        (#"{"channel":"github","config":{"ip_allow":["nowhere"]}}"#, "config.ip_allow[0]"),
        (#"{"channel":"github","config":[]}"#, "config"),
        (#"{"channel":"lark","secrets":{"token":"x"}}"#, "secrets.token"),
        (#"{"channel":"wecom","secrets":{"encoding_aes_key":"short"}}"#, "secrets.encoding_aes_key"),
        (#"{"channel":"github","active":"yes"}"#, "active"),
    ]) func `what is unknown or wrong is refused by name`(body: String, param: String) async throws {
        try await withFeed { fixture in
            let answer = try await make(fixture, body)
            #expect(answer.status == 400)
            #expect(answer.json["error"]?["param"]?.text == param)
            #expect(try await IntegrationStore(fixture.pool).changes(since: 0).changed.isEmpty)
        }
    }

    @Test(arguments: InboundChannel.allCases) func `every channel is made without any secret of one's own`(
        channel: InboundChannel
    ) async throws {
        try await withFeed { fixture in
            let made = try await make(fixture, #"{"channel":"\#(channel.rawValue)"}"#)
            #expect(made.status == 201)
            guard case .object(let secrets) = made.json["secrets"] else {
                Issue.record("no secrets were shown")
                return
            }
            #expect(!secrets.isEmpty)
        }
    }
}
