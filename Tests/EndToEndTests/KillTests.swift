import TestSupport
import Testing

extension EndToEnd {
    /// kill -9 under load: what was acknowledged is on the feed once and delivered.
    @Suite struct KillTests {
        /// POSTs of one endpoint that are under way at a time: what a killed worker may repeat.
        private static let inFlight = 64

        /// What two kills may have sent again.
        private static func repeats(
            of service: Installation.Service, on backbone: TestBackbone, events: Int
        ) -> Int {
            switch (service, backbone) {
            case (.delivery, .postgres): 2 * inFlight
            // Offsets are committed each second: what was sent since then is sent again.
            case (.delivery, .kafka): events
            // Lane records are in the log before `fanned` is: a batch that was cut off in between is fanned out again.
            case (.matcher, .kafka): 2 * inFlight
            default: 0
            }
        }

        @Test(.timeLimit(.minutes(2)), arguments: TestBackbone.available, Installation.Service.allCases)
        func `kill -9 under load loses nothing`(backbone: TestBackbone, service: Installation.Service) async throws {
            let installation = try await Shared.batteredInstallation(backbone)
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let name = "kill-\(service.rawValue.dropFirst(8))"
            let webhook = try await installation.watch(receiver, events: ["\(name)"])
            let load = LoadWriter(installation, count: 500, type: "\(name).item", name: name)
            async let writing: Void = load.run()
            for count in [80, 220] {
                await load.reached(count)
                try await installation.kill(service)
                try await installation.up()
            }
            try await writing
            #expect(load.refusals == [])
            let duplicates = Self.repeats(of: service, on: backbone, events: load.acknowledged.count)
            let findings = try await installation.findings(
                [webhook], acknowledged: load.acknowledged, allowing: .init(duplicates: duplicates))
            #expect(findings == [])
            #expect(load.acknowledged.count == 500)
            try await installation.delete(webhook)
        }
    }
}
