import TestSupport
import Testing

extension EndToEnd {
    /// The ground gives way: Postgres restarts, and a worker that was taken for dead wakes up.
    @Suite struct RestartTests {
        private static let inFlight = 64

        enum Ending: String, CaseIterable, CustomTestStringConvertible {
            case fast, immediate, kill

            var testDescription: String { rawValue }

            /// What PostgreSQL's main process is told; the last takes every session with it.
            func end(_ installation: Installation) async throws {
                switch self {
                case .fast: try await installation.stopPostgres()
                case .immediate: try await installation.stopPostgresAtOnce()
                case .kill: try await installation.killPostgres()
                }
            }
        }

        @Test(.timeLimit(.minutes(1)), arguments: TestBackbone.available, Ending.allCases)
        func `Postgres that ends under load and comes back loses nothing`(
            backbone: TestBackbone, ending: Ending
        ) async throws {
            let installation = try await Shared.batteredInstallation(backbone)
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let name = "restart-\(ending)"
            let webhook = try await installation.watch(receiver, events: [name])
            let load = LoadWriter(installation, count: 400, type: "\(name).item", name: name)
            async let writing: Void = load.run()
            await load.reached(150)
            try await ending.end(installation)
            try await installation.up()
            try await writing
            #expect(load.refusals == [])
            // What was sent and not yet recorded when the database ended may be sent again.
            let findings = try await installation.findings(
                [webhook], acknowledged: load.acknowledged, allowing: .init(duplicates: Self.inFlight))
            #expect(findings == [])
            try await installation.delete(webhook)
        }

        @Test(.timeLimit(.minutes(1)), arguments: TestBackbone.available)
        func `a worker that was stopped for longer than its lease sends nothing when it goes on`(
            backbone: TestBackbone
        ) async throws {
            let installation = try await Shared.batteredInstallation(backbone)
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let webhook = try await installation.watch(receiver, events: ["zombie"])
            let load = LoadWriter(installation, count: 300, type: "zombie.item", name: "zombie")
            async let writing: Void = load.run()
            await load.reached(60)
            try installation.stop(.delivery)
            let second = try installation.startAnother(.delivery)
            try await writing
            // The second takes the lanes as soon as the lease has run out, and ends everything.
            try await installation.waitForEnds([webhook], feedHas: load.acknowledged)
            let before = receiver.requests.values.count
            try installation.continue(.delivery)
            // It is awake when it serves its admin port; what it would send, it would send now.
            try await eventually("the first worker works again") {
                try await TestHTTP.request(port: installation.status.adminPort(.delivery), "/livez").status == 200
            }
            let more = LoadWriter(installation, count: 60, type: "zombie.item", name: "zombie-more")
            try await more.run()
            let findings = try await installation.findings(
                [webhook], acknowledged: load.acknowledged + more.acknowledged,
                allowing: .init(duplicates: Self.inFlight))
            #expect(findings == [])
            #expect(receiver.requests.values.count == before + 60)
            await second.process.stop()
            try await installation.delete(webhook)
        }
    }
}
