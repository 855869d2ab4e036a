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

/// The catalogue of event types.
@Suite struct EventTypeTests {
    @Test func `the catalogue is well-formed`() throws {
        var seen: Set<String> = []
        for entry in EventCatalogue.all {
            #expect(EventType(entry.type) != nil, "\(entry.type)")
            #expect(seen.insert(entry.type).inserted, "\(entry.type) stands twice")
            #expect(!entry.when.isEmpty && !entry.fields.isEmpty)
            let sample = try JSONValue(parsing: Array(entry.sample.utf8))
            for field in entry.fields { #expect(sample[field] != nil || field == "usage", "\(entry.type) \(field)") }
        }
        #expect(EventCatalogue.all.count == 40)
        #expect(EventCatalogue.entry("run.completed")?.seed == 0)
    }

    @Test func `the list is the catalogue and a tenant's own types`() async throws {
        try await withFeed { fixture in
            let put = try await fixture.call(
                "PUT", "/v1/event-types/order.paid", as: fixture.acme.admin,
                #"{"when":"somebody paid","fields":["order_id"],"sample":{"order_id":"o_1"}}"#)
            #expect(put.status == 201)
            let again = try await fixture.call(
                "PUT", "/v1/event-types/order.paid", as: fixture.acme.admin, #"{"when":"paid"}"#)
            #expect(again.status == 200)
            let list = try await fixture.call("GET", "/v1/event-types", as: fixture.acme.writer)
            let types = (list.json["data"]?.elements ?? []).compactMap { $0["type"]?.text }
            #expect(types == EventCatalogue.all.map(\.type) + ["order.paid"])
            let mine = try #require(list.json["data"]?.elements.last)
            #expect(mine["when"]?.text == "paid")
            #expect(mine["seed"] == .null)
            let others = try await fixture.call("GET", "/v1/event-types", as: fixture.other.reader)
            #expect(others.json["data"]?.elements.count == EventCatalogue.all.count)
            for reserved in ["run.completed", "memory", "memory.consolidated"] {
                let answer = try await fixture.call(
                    "PUT", "/v1/event-types/\(reserved)", as: fixture.acme.admin, "{}")
                #expect(answer.status == 409, "\(reserved)")
            }
            #expect(try await fixture.call("PUT", "/v1/event-types/a..b", as: fixture.acme.admin, "{}").status == 400)
            let gone = try await fixture.call("DELETE", "/v1/event-types/order.paid", as: fixture.acme.admin)
            #expect(gone.status == 204)
        }
    }
}
