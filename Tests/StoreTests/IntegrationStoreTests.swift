import Database
import EventModel
import Observability
import Synchronization
import TestSupport
import Testing

@testable import Store

@Suite(.serialized, .database(migrations: Schema.migrations)) struct IntegrationStoreTests {
    private let pool = TestDatabase.current.pool()
    private let store: IntegrationStore
    private let now = SystemClock().now()

    init() {
        store = IntegrationStore(pool)
    }

    private func tenant(_ name: String) async throws -> TenantID {
        let id = try #require(TenantID(name))
        _ = try await TenantStore(pool).create(id, name: name)
        return id
    }

    private func make(
        _ tenant: TenantID, channel: String = "github", sealed: String = "sealed-1"
    ) async throws -> StoredIntegration {
        try #require(
            try await store.create(
                NewIntegration(
                    id: IntegrationID.make(at: now), tenant: tenant, channel: channel, name: "n",
                    config: Array(#"{"tolerance_s":5}"#.utf8), sealedSecrets: sealed), now: now))
    }

    @Test func `a rotation keeps the old set for the overlap, and what is left of older ones`() async throws {
        let tenant = try await tenant("rotating")
        let made = try await make(tenant)
        #expect(made.secrets.map(\.sealed) == ["sealed-1"])
        #expect(made.secrets[0].until == nil)
        var last = made
        for number in 2...6 {
            last = try #require(
                try await store.rotate(
                    made.id, tenant: tenant, sealedSecrets: "sealed-\(number)", overlap: .seconds(3_600), now: now))
            #expect(last.version > made.version)
        }
        #expect(last.secrets.map(\.sealed) == ["sealed-6", "sealed-5", "sealed-4", "sealed-3"])
        #expect(Set(last.secrets.map(\.id)).count == 4)
        let soon = SystemClock().now()
        #expect(last.secrets(at: soon).map(\.sealed).count == 4)
        #expect(last.secrets(at: soon.adding(microseconds: 3_700_000_000)).map(\.sealed) == ["sealed-6"])
        let other = try await self.tenant("not-rotating")
        #expect(
            try await store.rotate(
                made.id, tenant: other, sealedSecrets: "x", overlap: .zero, now: now) == nil)
    }

    @Test func `a set whose overlap is over is dropped by the next rotation`() async throws {
        let tenant = try await tenant("ended")
        let made = try await make(tenant)
        for number in 2...3 {
            _ = try await store.rotate(
                made.id, tenant: tenant, sealedSecrets: "sealed-\(number)", overlap: .zero, now: now)
        }
        let found = try #require(try await store.find(made.id, tenant: tenant))
        #expect(found.secrets.map(\.sealed) == ["sealed-3", "sealed-2"])
    }

    @Test func `changes are told in pages, each once, ends included`() async throws {
        let tenant = try await tenant("changing")
        let start = try await store.changes(since: 0, limit: 10_000).version
        let made = [try await make(tenant), try await make(tenant, channel: "lark"), try await make(tenant)]
        let first = try await store.changes(since: start, limit: 2)
        #expect(first.changed.map(\.id) == made[..<2].map(\.id))
        #expect(first.hasMore)
        #expect(first.changed[0].config == Array(#"{"tolerance_s":5}"#.utf8))
        let second = try await store.changes(since: first.version, limit: 2)
        #expect(second.changed.map(\.id) == [made[2].id])
        #expect(!second.hasMore)

        var change = IntegrationChange()
        change.isActive = false
        _ = try await store.update(made[0].id, tenant: tenant, change, now: now)
        #expect(try await store.delete(made[1].id, tenant: tenant))
        #expect(try await !store.delete(made[1].id, tenant: tenant))
        let third = try await store.changes(since: second.version)
        #expect(third.changed.map(\.id) == [made[0].id])
        #expect(third.changed.map(\.isActive) == [false])
        #expect(third.ended == [made[1].id])
        #expect(try await store.changes(since: third.version).changed.isEmpty)
    }

    @Test func `a tenant takes its integrations along, and who follows learns of it`() async throws {
        let tenant = try await tenant("leaving")
        let made = try await make(tenant)
        let known = try await store.changes(since: 0, limit: 10_000).version
        #expect(try await TenantStore(pool).delete(tenant))
        #expect(try await store.changes(since: known).ended == [made.id])
        #expect(
            try await store.create(
                NewIntegration(
                    id: IntegrationID.make(at: now), tenant: tenant, channel: "lark", name: "", config: [0x7B, 0x7D],
                    sealedSecrets: "s"), now: now) == nil)
    }

    @Test func `a follower loads what is there and reads a change alone`() async throws {
        let tenant = try await tenant("followed")
        let made = try await make(tenant)
        let seen = Mutex<[IntegrationStore.Changes]>([])
        let follower = IntegrationFollower(store: store, logger: TestDatabase.logger) { changes in
            seen.withLock { $0.append(changes) }
        }
        try await follower.load()
        #expect(follower.isLoaded)
        #expect(seen.withLock { $0.contains { $0.changed.contains { $0.id == made.id } } })
        seen.withLock { $0 = [] }
        let late = try await make(tenant)
        try await follower.load()
        #expect(seen.withLock { $0.flatMap(\.changed).map(\.id) }.contains(late.id))
        #expect(seen.withLock { !$0.flatMap(\.changed).map(\.id).contains(made.id) })
    }
}
