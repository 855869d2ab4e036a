import TestSupport
import Testing

extension EndToEnd {
    /// Workers come and go while there is work: nothing is lost, the work is shared again within seconds, and what is sent
    /// twice is no more than what was under way.
    @Suite struct WorkforceTests {
        /// A service of which several processes share the partitions of a stage.
        struct Crew: Sendable, CustomTestStringConvertible {
            let service: Installation.Service
            /// As `fanfare_partitions_owned` names it.
            let stage: String
            let partitions: Int
            let size: Int

            static let all = [
                Crew(service: .delivery, stage: "deliver", partitions: 48, size: 3),
                Crew(service: .matcher, stage: "fan-out", partitions: 12, size: 2),
            ]

            var testDescription: String { "\(size) of \(service.rawValue)" }

            /// Deliveries that one kill and one stop may repeat, at the load of this test.
            func repeats(on backbone: TestBackbone) -> Int {
                switch (service, backbone) {
                case (.delivery, .postgres): 64
                // What is done after the last commit, of which there are some each second.
                case (.delivery, .kafka): 2 * 120
                default: 0
                }
            }
        }

        private static let webhooks = 4
        /// Of each of six writers between two events: about 30 events, 120 deliveries a second.
        private static let pause = Duration.milliseconds(200)
        /// A lease lasts 6 s on both backbones; the rest is for a busy machine.
        private static let patience = Duration.seconds(25)

        @Test(.timeLimit(.minutes(3)), arguments: TestBackbone.available, Crew.all)
        func `one comes, one is killed, one is told to end, one is stopped past its lease`(
            backbone: TestBackbone, crew: Crew
        ) async throws {
            let installation = try await Shared.batteredInstallation(backbone)
            let name = "crew-\(crew.service.rawValue.dropFirst(8))"
            var watched: [WatchedWebhook] = []
            for _ in 0..<Self.webhooks {
                watched.append(
                    try await installation.watch(try TestReceiver { _ in [.answer(204)] }, events: [name]))
            }
            let own = installation.status.adminPort(crew.service)
            var others: [Installation.Another] = []
            func start() async throws {
                let another = try installation.startAnother(crew.service)
                others.append(another)
                try await another.ready()
            }
            func shared(_ what: String) async throws {
                let ports = [own] + others.map(\.adminPort)
                let began = ContinuousClock.now
                try await eventually("\(what): \(ports.count) share evenly", within: Self.patience) {
                    let shares = try await Self.shares(ports, crew)
                    return shares.reduce(0, +) == crew.partitions && (shares.max() ?? 0) - (shares.min() ?? 0) <= 1
                }
                print(
                    "\(backbone.rawValue), \(crew.testDescription), \(what): shared after \(ContinuousClock.now - began)"
                )
            }
            for _ in 1..<crew.size { try await start() }
            try await shared("at the beginning")
            let load = LoadWriter(installation, count: 100_000, type: "\(name).item", name: name, pause: Self.pause)
            async let writing: Void = load.run()
            func more(_ count: Int = 15) async { await load.reached(load.acknowledged.count + count) }
            await more()

            try await start()
            try await shared("one came")
            await more()

            let killed = others.removeFirst()
            killed.process.send(.kill)
            try await shared("one was killed")
            await more()

            let ended = others.removeFirst()
            ended.process.send(.terminate)
            #expect(await ended.process.end(within: .seconds(30)) == .exited(0))
            try await shared("one was told to end")
            await more()

            if others.isEmpty {
                try await start()
                try await shared("another came")
            }
            let stopped = others.removeFirst()
            stopped.process.send(.stop)
            try await shared("one was stopped")
            await more()
            stopped.process.send(.continue)
            others.append(stopped)
            try await shared("it goes on")
            await more()

            load.finish()
            try await writing
            #expect(load.refusals == [])
            let findings = try await installation.findings(
                watched, acknowledged: load.acknowledged, allowing: .init(duplicates: crew.repeats(on: backbone)))
            #expect(findings == [])
            for another in others { await another.process.stop() }
            for webhook in watched { try await installation.delete(webhook) }
        }

        /// What each process owns, as its metrics say; nothing of one that does not answer.
        private static func shares(_ ports: [Int], _ crew: Crew) async throws -> [Int] {
            var shares: [Int] = []
            for port in ports {
                do {
                    let metrics = try await TestHTTP.request(port: port, "/metrics", within: .seconds(2)).text
                    let start = #"fanfare_partitions_owned{stage="\#(crew.stage)"} "#
                    let line = metrics.split(separator: "\n").first { $0.hasPrefix(start) }
                    shares.append(line.flatMap { Double($0.dropFirst(start.count)) }.map { Int($0) } ?? 0)
                } catch is SpawnError {
                    shares.append(0)
                }
            }
            return shares
        }
    }
}
