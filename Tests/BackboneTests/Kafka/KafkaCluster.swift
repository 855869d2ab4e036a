import Synchronization
import TestSupport

/// A Kafka node whose processes each have a door of their own, so that one of them can be cut off.
///
/// Clients connect to what a broker advertises, so the node listens on a port for each door and advertises the door's.
final class KafkaCluster: Sendable {
    private static let one = AsyncOnce<KafkaCluster?> { try await make() }
    /// Processes of one test, and those of the tests before whose ends may linger.
    private static let doorCount = 16

    /// The node that all tests share; nil where there is no Kafka (the reason was printed).
    static func shared() async throws -> KafkaCluster? { try await one.value() }

    static func make() async throws -> KafkaCluster? {
        guard TestKafka.isAvailable else { return nil }
        let ports = FreePorts.consecutive(doorCount + 2)
        let doors = try (0..<doorCount).map { try TestProxy(to: .tcp(ports + 2 + $0)) }
        let names = doors.indices.map { "DOOR\($0)" }
        func listeners(_ port: (Int) -> Int) -> String {
            names.indices.map { "\(names[$0])://127.0.0.1:\(port($0))" }.joined(separator: ",")
        }
        let kafka = try await TestKafka.start(settings: [
            "controller.quorum.voters=1@127.0.0.1:\(ports + 1)",
            "listeners=PLAINTEXT://127.0.0.1:\(ports),CONTROLLER://127.0.0.1:\(ports + 1),"
                + listeners { ports + 2 + $0 },
            "advertised.listeners=PLAINTEXT://127.0.0.1:\(ports)," + listeners { doors[$0].port },
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
                + names.map { "\($0):PLAINTEXT" }.joined(separator: ","),
            "num.network.threads=1", "group.min.session.timeout.ms=500",
        ])
        return kafka.map { KafkaCluster(kafka: $0, address: "127.0.0.1:\(ports)", doors: doors) }
    }

    let kafka: TestKafka
    /// The way in that is never shut.
    let address: String
    private let doors: [TestProxy]
    private let next = Atomic<Int>(0)

    private init(kafka: TestKafka, address: String, doors: [TestProxy]) {
        self.kafka = kafka
        self.address = address
        self.doors = doors
    }

    /// A door that nobody of this test uses.
    func door() -> TestProxy {
        let door = doors[next.wrappingAdd(1, ordering: .relaxed).oldValue % doors.count]
        door.cut()
        door.resume()
        return door
    }
}
