import Database
import EventModel
import TestSupport
import Testing

@testable import Store

/// What owners tell of endpoints, what follows from it, and what is told of it.
@Suite(.serialized, .database(migrations: Schema.migrations)) struct EndpointStateTests {
    private let pool = TestDatabase.current.pool()
    private let store: EndpointStateStore
    private let health: EndpointHealthQuery
    private let events: EndpointEventStore
    private let clock = ManualClock()
    private static let day: Int64 = 86_400

    init() {
        store = EndpointStateStore(pool)
        health = EndpointHealthQuery(pool)
        events = EndpointEventStore(pool)
    }

    private func webhook(_ name: String) async throws -> (id: EndpointID, tenant: TenantID) {
        let tenant = try #require(TenantID(name))
        _ = try await TenantStore(pool).create(tenant, name: name)
        let id = EndpointID.make(at: SystemClock().now())
        _ = try await WebhookStore(pool).create(
            NewWebhook(id: id, tenant: tenant, url: "https://example.com/", events: [], sealedSecrets: ["s"]))
        return (id, tenant)
    }

    /// - Parameter adjust: What the owner saw.
    @discardableResult
    private func note(
        _ endpoint: EndpointID, epoch: Int64 = 1, _ adjust: (inout EndpointNote) -> Void
    ) async throws -> [EndpointID] {
        var note = EndpointNote(endpoint: endpoint, epoch: epoch)
        adjust(&note)
        return try await store.record([note], now: clock.now(), policy: EndpointPolicy())
    }

    private func fail(_ endpoint: EndpointID, _ count: Int64, epoch: Int64 = 1) async throws -> [EndpointID] {
        let now = clock.now()
        return try await note(endpoint, epoch: epoch) {
            $0.failures = count
            ($0.firstFailure, $0.lastFailure, $0.lastError) = (now, now, "http_5xx")
        }
    }

    private func state(_ webhook: (id: EndpointID, tenant: TenantID)) async throws -> EndpointHealth.State {
        try #require(try await health.health(of: webhook.id, tenant: webhook.tenant, now: clock.now()).state)
    }

    /// The types of what waits to be told of a webhook; it is told then.
    private func told(_ endpoint: EndpointID) async throws -> [EndpointEvent] {
        let mine = try await events.waiting(limit: 100).filter { $0.endpoint == endpoint }
        try await events.told(mine)
        return mine
    }

    @Test func `failures add up until a success, and a late owner writes nothing`() async throws {
        let webhook = try await webhook("adding")
        let start = clock.now()
        _ = try await fail(webhook.id, 3, epoch: 5)
        clock.advance(by: .seconds(10))
        _ = try await fail(webhook.id, 4, epoch: 6)
        #expect(try await state(webhook).failures == 7)
        #expect(try await state(webhook).failingSince == start)
        _ = try await fail(webhook.id, 100, epoch: 5)
        #expect(try await state(webhook).failures == 7)
        let now = clock.now()
        try await note(webhook.id, epoch: 6) {
            $0.lastSuccess = now
            $0.inFlight = 2
            $0.waiting = 9
        }
        let well = try await state(webhook)
        #expect(well.failures == 0 && well.failingSince == nil && well.lastSuccess == now)
        #expect(well.inFlight == 2 && well.waiting == 9)
    }

    @Test func `an endpoint is given up after five days and fifty failures, not after one of them`() async throws {
        let (often, long, both) = (try await webhook("often"), try await webhook("long"), try await webhook("both"))
        #expect(try await fail(often.id, 1_000) == [])
        #expect(try await fail(long.id, 1) == [])
        #expect(try await fail(both.id, 49) == [])
        clock.advance(by: .seconds(5 * Self.day))
        #expect(try await fail(long.id, 48) == [], "49 of them")
        clock.advance(by: .seconds(1))
        #expect(try await fail(both.id, 1) == [both.id])
        #expect(try await fail(both.id, 1) == [], "it is disabled already")
        let record = try #require(try await WebhookStore(pool).find(both.id, tenant: both.tenant))
        #expect(record.status == .disabled && record.statusReason == "failing")
        let events = try await told(both.id)
        #expect(events.map(\.type) == ["endpoint.disabled"])
        let data = String(decoding: events.first?.data ?? [], as: UTF8.self)
        #expect(data.contains(#""reason": "failing""#) && data.contains(#""failures": 50"#), "\(data)")
        // Activated, it has its five days again.
        var change = WebhookChange()
        change.isActive = true
        _ = try await WebhookStore(pool).update(both.id, tenant: both.tenant, change)
        #expect(try await fail(both.id, 60) == [])
        #expect(try await state(both).failures == 60)
        // A success in between: the five days begin anew.
        let now = clock.now()
        try await note(often.id) { $0.lastSuccess = now }
        #expect(try await fail(often.id, 1_000) == [])
        #expect(try await told(often.id).isEmpty)
    }

    @Test func `a recovery is told when a success closes the breaker, once in an hour`() async throws {
        let webhook = try await webhook("recovering")
        func open() async throws {
            let now = clock.now()
            try await note(webhook.id) {
                $0.breakerOpenSince = now
                $0.failures = 10
                $0.firstFailure = now
            }
        }
        func close() async throws {
            clock.advance(by: .seconds(60))
            let now = clock.now()
            try await note(webhook.id) { $0.lastSuccess = now }
        }
        try await open()
        #expect(try await told(webhook.id).isEmpty)
        #expect(try await state(webhook).breakerOpenSince == clock.now())
        try await close()
        #expect(try await told(webhook.id).map(\.type) == ["endpoint.recovered"])
        try await open()
        try await close()
        #expect(try await told(webhook.id).isEmpty, "within the hour")
        clock.advance(by: .seconds(3_600))
        try await open()
        try await close()
        #expect(try await told(webhook.id).count == 1)
    }

    @Test func `dead letters are told at once, and those of the next hour together`() async throws {
        let webhook = try await webhook("dying")
        func die(_ count: Int64) async throws { try await note(webhook.id) { $0.deadLetters = count } }
        try await die(3)
        let first = try await told(webhook.id)
        #expect(first.map(\.type) == ["endpoint.dead_lettered"])
        let data = String(decoding: first.first?.data ?? [], as: UTF8.self)
        #expect(data.contains(#""dead_letters": 3"#))
        try await die(5)
        try await die(6)
        #expect(try await told(webhook.id).isEmpty)
        clock.advance(by: .seconds(3_600))
        // Whoever notes something tells what others had to keep to themselves.
        let other = try await self.webhook("other")
        try await note(other.id) { $0.inFlight = 1 }
        let later = try await told(webhook.id)
        #expect(later.map { String(decoding: $0.data, as: UTF8.self).contains(#""dead_letters": 11"#) } == [true])
        #expect(try await told(other.id).isEmpty)
    }

    @Test func `one that was deleted, or answered 410 twice, says nothing more`() async throws {
        let webhook = try await webhook("gone")
        #expect(try await store.disable(webhook.id, reason: "gone", now: clock.now()))
        #expect(try await !store.disable(webhook.id, reason: "gone", now: clock.now()))
        #expect(try await told(webhook.id).map(\.type) == ["endpoint.disabled"])
        _ = try await fail(webhook.id, 1)
        #expect(try await WebhookStore(pool).delete(webhook.id, tenant: webhook.tenant))
        _ = try await fail(webhook.id, 1)
        #expect(try await health.health(of: webhook.id, tenant: webhook.tenant, now: clock.now()).state == nil)
    }
}
