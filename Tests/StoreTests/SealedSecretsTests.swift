import Crypto
import Database
import Store
import TestSupport
import Testing

/// Secrets at rest change over to another key, wherever they stand.
@Suite(.serialized, .database(migrations: Schema.migrations)) struct SealedSecretsTests {
    private let old = MasterKey.generate()
    private let new = MasterKey.generate()
    private let fixture = StoreFixture()

    private func rewrapping() throws -> Rewrapping {
        Rewrapping(try SecretBox(current: new, previous: [old]), current: new)
    }

    @Test func `what stands inside of a text is sealed anew, each piece in its own context`() throws {
        let before = try SecretBox(current: old)
        let after = try SecretBox(current: new)
        let headers = before.seal("h", context: "webhook-headers:wh_1")
        let secret = before.seal("s", context: "webhook:wh_1")
        let fresh = after.seal("f", context: "webhook-v1a:wh_1")
        var tally = Rewrapping.Tally()
        let text = #"{"a":"\#(headers)","b":["\#(secret)","\#(fresh)"],"until":[17]}"#
        let result = try #require(try rewrapping().rewrapped(text, owner: "wh_1", &tally))
        #expect(tally.rewrapped == 2 && tally.current == 1 && tally.damaged == 0)
        #expect(result.hasPrefix(#"{"a":"v1:\#(new.id):"#) && result.hasSuffix(#""\#(fresh)"],"until":[17]}"#))
        let pieces = result.split(separator: "\"").map(String.init).filter { $0.hasPrefix("v1:") }
        #expect(try after.open(pieces[0], context: "webhook-headers:wh_1") == Array("h".utf8))
        #expect(try after.open(pieces[1], context: "webhook:wh_1") == Array("s".utf8))
        var again = Rewrapping.Tally()
        #expect(try rewrapping().rewrapped(result, owner: "wh_1", &again) == nil)
        #expect(again.current == 3)
    }

    @Test func `what cannot be opened is counted and left as it is`() throws {
        let lost = MasterKey.generate()
        let unknown = try SecretBox(current: lost).seal("x", context: "webhook:wh_1")
        let moved = try SecretBox(current: old).seal("x", context: "webhook:wh_2")
        for text in [unknown, moved, "v1:of the api", "v1:\(old.id):short", "", "v1:", "http://v1:80/v1:v1:v1"] {
            var tally = Rewrapping.Tally()
            #expect(try rewrapping().rewrapped(text, owner: "wh_1", &tally) == nil)
            #expect(tally.rewrapped == 0 && tally.current == 0)
            #expect(tally.unknown == (text == unknown ? [lost.id: 1] : [:]))
            #expect(tally.damaged == (text == moved ? 1 : 0))
        }
    }

    @Test func `pages go through all rows, and what somebody else has changed stays`() async throws {
        let sealed = try SecretBox(current: old).seal("s", context: "webhook:wh_1")
        try await fixture.pool.script(
            """
            insert into fanfare.tenants (id, name) values ('sealing', 'x');
            insert into fanfare.workspaces (id, tenant_id, name, secrets)
            select 'ws_' || lpad(g::text, 4, '0'), 'sealing', 'n', array['\(sealed)'] from generate_series(1, 1201) g;
            """)
        let secrets = SealedSecrets(fixture.pool)
        let places = try await secrets.places()
        #expect(places.map(\.name).contains("webhook_revisions.secrets"))
        #expect(places.map(\.name).contains("integrations.secrets"))
        let place = try #require(places.first { $0.name == "workspaces.secrets" })
        var keys: [String] = []
        var last: SealedSecrets.Entry?
        while true {
            let page = try await secrets.entries(place, after: keys.last)
            guard let end = page.last else { break }
            keys += page.map(\.key)
            last = end
        }
        #expect(keys.count == 1_201 && Set(keys).count == 1_201)
        let entry = try #require(last)
        #expect(entry.owner == "ws_1201" && entry.values == [sealed])
        #expect(try await secrets.replace(entry, in: place, with: ["another"]))
        #expect(try await !secrets.replace(entry, in: place, with: ["a third"]))
        #expect(try await fixture.number("select count(*) from fanfare.workspaces where secrets = '{another}'") == 1)
    }
}
