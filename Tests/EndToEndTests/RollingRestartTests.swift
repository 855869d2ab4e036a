import EventCodec
import Synchronization
import TestSupport
import Testing

extension EndToEnd {
    /// Two of each service behind nginx, restarted one after the other while events are published and read: nobody outside
    /// notices.
    @Suite(.enabled(if: Nginx.program != nil, "there is no nginx here (scripts/install-dependencies --tests)"))
    struct RollingRestartTests {
        /// A process of the fleet, by where it serves.
        private struct Member {
            let service: Installation.Service
            let ports: Int
            var process: Installation.Another
        }

        /// Publishes and reads through nginx until it is told to stop; every answer that is no success is a failure.
        private final class Clients: Sendable {
            private let installation: Installation
            private let port: Int
            private let type: String
            let acknowledged = TestCollector<DeliveryEvidence.Acknowledged>()
            let failures = TestCollector<String>()
            let latencies = TestCollector<(at: ContinuousClock.Instant, took: Duration)>()
            private let isOver = Atomic<Bool>(false)

            init(_ installation: Installation, port: Int, type: String) {
                self.installation = installation
                self.port = port
                self.type = type
            }

            /// Ends `run` when what is under way has its answer.
            func end() { isOver.store(true, ordering: .relaxed) }

            private var goesOn: Bool { !isOver.load(ordering: .relaxed) }

            func run() async {
                await withTaskGroup { group in
                    for writer in 0..<3 { group.addTask { await self.publish(writer) } }
                    group.addTask { await self.read() }
                }
            }

            private var headers: [(String, String)] {
                [("Authorization", "Bearer \(installation.status.token)"), ("Content-Type", "application/json")]
            }

            private func publish(_ writer: Int) async {
                var number = 0
                while goesOn {
                    number += 1
                    let (key, data) = ("\(type)-\(writer)-\(number)", #"{"n":\#(number)}"#)
                    let body = #"{"type":"\#(type)","idempotency_key":"\#(key)","data":\#(data)}"#
                    let began = ContinuousClock.now
                    do {
                        let answer = try await TestHTTP.request(
                            "POST", port: port, "/v1/events", headers: headers, body: Array(body.utf8))
                        latencies.append((began, began.duration(to: .now)))
                        if answer.status == 202, case .string(let id)? = try JSONValue(parsing: answer.body)["id"] {
                            acknowledged.append(
                                DeliveryEvidence.Acknowledged(event: id, key: key, data: Array(data.utf8)))
                        } else {
                            failures.append("POST \(answer.status) \(answer.text)")
                        }
                    } catch {
                        failures.append("POST \(error)")
                    }
                    await pause()
                }
            }

            private func read() async {
                while goesOn {
                    do {
                        let answer = try await TestHTTP.request(port: port, "/v1/events?limit=1", headers: headers)
                        if answer.status != 200 { failures.append("GET \(answer.status) \(answer.text)") }
                    } catch {
                        failures.append("GET \(error)")
                    }
                    await pause()
                }
            }

            /// Some fifty requests a second in all.
            private func pause() async { try? await ContinuousClock().sleep(for: .milliseconds(60)) }
        }

        private static let grace: Duration = .seconds(25)
        private static let services: [Installation.Service] = [.ingest, .feed, .matcher, .delivery]

        /// The whole fleet is the test's own: the installation's processes make room for it.
        private func fleet(_ installation: Installation) async throws -> [Member] {
            var members: [Member] = []
            for service in Self.services {
                for _ in 0..<2 {
                    let process = try installation.startAnother(service)
                    members.append(Member(service: service, ports: process.adminPort, process: process))
                }
            }
            for member in members { try await member.process.ready() }
            for service in Self.services {
                let pid = try installation.processID(service)
                try installation.terminate(service)
                try await Installation.waitUntilGone(pid)
            }
            return members
        }

        /// SIGTERM, a successor at the same ports, and no next one before that is ready.
        private func restart(_ members: inout [Member], _ installation: Installation) async throws {
            for index in members.indices {
                let old = members[index]
                old.process.process.send(.terminate)
                // Readiness turns while requests are still served.
                try await eventually("readyz of \(old.service.rawValue) turns", within: .seconds(5)) {
                    guard old.process.process.isRunning else { return true }
                    guard let answer = try? await TestHTTP.request(port: old.process.adminPort, "/readyz") else {
                        return true
                    }
                    return answer.status == 503
                }
                let end = await old.process.process.end(within: Self.grace)
                #expect(end == .exited(0), "\(old.service.rawValue): \(old.process.process.errors.suffix(2_000))")
                let successor = try installation.startAnother(old.service, at: old.ports)
                try await successor.ready()
                members[index].process = successor
            }
        }

        @Test(.timeLimit(.minutes(5)), arguments: TestBackbone.available)
        func `each process is restarted in turn, and again to write a new record format, and nobody notices`(
            backbone: TestBackbone
        ) async throws {
            let installation = try await backbone.start(settings: [
                "shutdown.delay = 1s", "delivery.breaker-failures = 1000",
            ])
            let receiver = try TestReceiver { _ in [.answer(204)] }
            let webhook = try await installation.watch(receiver, events: ["rolled"])
            var members = try await fleet(installation)
            let nginx = try await Nginx(
                ingest: members.filter { $0.service == .ingest }.map(\.process.port),
                feed: members.filter { $0.service == .feed }.map(\.process.port))
            let clients = Clients(installation, port: nginx.port, type: "rolled.item")
            async let running: Void = clients.run()
            _ = await clients.acknowledged.first(60)
            let began = ContinuousClock.now
            try await restart(&members, installation)
            // Everything reads the new version by now; from here on it is written, by one process after the other.
            try Installation.append("records.version = 2\n", to: "\(installation.folder)/fanfare.conf")
            try await restart(&members, installation)
            let ended = ContinuousClock.now
            let before = clients.acknowledged.values.count
            _ = await clients.acknowledged.first(before + 60)
            clients.end()
            await running
            #expect(clients.failures.values == [])
            // The installation's own processes answer what the checker asks.
            try await installation.up()
            let findings = try await installation.findings(
                [webhook], acknowledged: clients.acknowledged.values, within: .seconds(60))
            #expect(findings == [])
            print(Self.summary(clients.latencies.values, during: began...ended, backbone))
            await nginx.stop()
            receiver.stop()
            for member in members { await member.process.process.stop() }
            try await installation.down()
        }

        private static func summary(
            _ latencies: [(at: ContinuousClock.Instant, took: Duration)],
            during: ClosedRange<ContinuousClock.Instant>, _ backbone: TestBackbone
        ) -> String {
            func p99(_ values: [Duration]) -> Duration {
                values.isEmpty ? .zero : values.sorted()[min(values.count - 1, values.count * 99 / 100)]
            }
            let inside = latencies.filter { during.contains($0.at) }.map(\.took)
            let outside = latencies.filter { !during.contains($0.at) }.map(\.took)
            return "rolling restart on \(backbone): \(latencies.count) publications, accept p99 \(p99(inside)) during, "
                + "\(p99(outside)) before and after"
        }
    }
}
