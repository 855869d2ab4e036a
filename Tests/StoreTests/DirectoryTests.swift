internal import Database
internal import EventModel
internal import Observability
internal import Signing
internal import TestSupport
internal import Testing

@testable internal import Store

@Suite struct DirectoryTests {
    private struct Scene {
        let pool: ConnectionPool
        let directory: Directory
        let clock: ManualClock
        let tenant: TenantID

        func token(_ scopes: Scopes = .eventsWrite, expiresAt: Timestamp? = nil) async throws -> (TokenID, String) {
            let made = try #require(
                try await TokenStore(pool).create(
                    tenant: tenant, scopes: scopes, label: "", expiresAt: expiresAt, now: clock.now()))
            return (made.record.id, made.token.text)
        }

        func isKnown(_ token: String) async -> Bool {
            if case .known = await directory.authenticate(token) { true } else { false }
        }
    }

    private func withDirectory(_ body: (Scene) async throws -> Void) async throws {
        let database = try await TestDatabase.make(migrations: Schema.migrations)
        let pool = database.pool()
        let clock = ManualClock(start: SystemClock().now())
        let tenant = try #require(TenantID("acme"))
        _ = try await TenantStore(pool).create(tenant, name: "Acme")
        let directory = Directory(
            database: pool, listen: database.configuration(), clock: clock, logger: TestDatabase.logger,
            metrics: MetricsRegistry())
        try await directory.loadIfChanged()
        let result: Result<Void, any Error>
        do {
            result = .success(
                try await body(Scene(pool: pool, directory: directory, clock: clock, tenant: tenant)))
        } catch {
            result = .failure(error)
        }
        await pool.shutdown()
        try await database.drop()
        try result.get()
    }

    @Test func `a token that was made after the load is found by one look-up, and not looked up again`() async throws {
        try await withDirectory { scene in
            let (_, token) = try await scene.token()
            #expect(scene.directory.bearer(of: try #require(AccessToken(token))) == nil)
            #expect(await scene.isKnown(token))
            #expect(scene.directory.bearer(of: try #require(AccessToken(token)))?.tenant == scene.tenant)
        }
    }

    @Test func `with Postgres away known tokens work and unknown ones are undecided, not unknown`() async throws {
        try await withDirectory { scene in
            let (_, known) = try await scene.token()
            let (_, late) = try await scene.token()
            #expect(await scene.isKnown(known))
            await scene.pool.shutdown()
            #expect(await scene.isKnown(known))
            guard case .undecided = await scene.directory.authenticate(late) else {
                Issue.record("a token that cannot be looked up is neither known nor unknown")
                return
            }
        }
    }

    @Test func `what has no token's form is never looked up`() async throws {
        try await withDirectory { scene in
            await scene.pool.shutdown()
            for text in ["", "secret", "ff_" + String(repeating: "a", count: 38)] {
                guard case .unknown = await scene.directory.authenticate(text) else {
                    Issue.record("\(text) asked the database")
                    continue
                }
            }
        }
    }

    @Test func `an expired token ends by the clock, without a load`() async throws {
        try await withDirectory { scene in
            let (_, token) = try await scene.token(expiresAt: scene.clock.now().adding(seconds: 60))
            #expect(await scene.isKnown(token))
            scene.clock.advance(by: .seconds(61))
            #expect(await !scene.isKnown(token))
        }
    }

    @Test func `revoking, and changes of workspaces, are followed`() async throws {
        try await withDirectory { scene in
            let (id, token) = try await scene.token()
            #expect(await scene.isKnown(token))
            let workspace = WorkspaceID.make(at: scene.clock.now())
            _ = try await WorkspaceStore(scene.pool).create(workspace, tenant: scene.tenant, name: "w")
            guard case .known = await scene.directory.findWorkspace(workspace) else {
                Issue.record("a new workspace is looked up")
                return
            }
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await scene.directory.run() }
                do {
                    #expect(try await TokenStore(scene.pool).revoke(id, tenant: scene.tenant))
                    #expect(try await WorkspaceStore(scene.pool).delete(workspace, tenant: scene.tenant))
                    try await eventually("the directory follows") {
                        let isKnown = await scene.isKnown(token)
                        return !isKnown && scene.directory.workspace(workspace) == nil
                    }
                } catch {
                    Issue.record(error)
                }
                group.cancelAll()
            }
        }
    }

    @Test func `scopes travel by name, and an unknown one grants nothing`() {
        #expect(Scopes(names: ["tenant:admin", "events:read"])?.names == ["tenant:admin", "events:read"])
        #expect(Scopes(names: ["root"]) == nil)
        #expect(Scopes.tenantAdmin.allow(.eventsWrite))
        #expect(!Scopes.tenantAdmin.allow(.operator))
        #expect(!Scopes.eventsRead.allow(.eventsWrite))
    }
}

@Suite struct LookupGateTests {
    private let start = ContinuousClock.now

    @Test func `an unknown key is asked for once a second, whoever asks`() {
        var gate = LookupGate<Int>(limit: 2, memory: .seconds(1), capacity: 10)
        #expect(gate.ask(1, now: start) == .lookUp)
        gate.finished(1, isKnown: false, now: start)
        #expect(gate.ask(1, now: start + .milliseconds(999)) == .unknown)
        #expect(gate.ask(1, now: start + .seconds(1)) == .lookUp)
    }

    @Test func `at most so many are looked up at a time, and a failure is not remembered`() {
        var gate = LookupGate<Int>(limit: 2, memory: .seconds(1), capacity: 10)
        #expect(gate.ask(1, now: start) == .lookUp)
        #expect(gate.ask(2, now: start) == .lookUp)
        #expect(gate.ask(3, now: start) == .busy)
        gate.finished(1, isKnown: nil, now: start)
        #expect(gate.ask(1, now: start) == .lookUp)
    }

    @Test func `strangers do not fill the memory`() {
        var gate = LookupGate<Int>(limit: 1, memory: .seconds(1), capacity: 10)
        for key in 0..<1_000 where gate.ask(key, now: start) == .lookUp {
            gate.finished(key, isKnown: false, now: start)
        }
        #expect(gate.ask(999, now: start) == .unknown)
        #expect(gate.ask(0, now: start) == .lookUp)
    }
}
