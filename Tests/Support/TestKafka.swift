/// A Kafka node of the tests' own, where Kafka is there: `KAFKA_HOME`, or `../shared/kafka` beside the package.
///
/// ```swift
/// guard let kafka = try await TestKafka.shared() else { return }   // the reason was printed
/// let brokers = kafka.address
/// ```
/// Tests that stop or kill the broker start one of their own (`start`); all others use `shared` with topics of their own
/// names, since a node takes 3 to 9 s to start.
public final class TestKafka: Sendable {
    /// `host:port` for `bootstrap.servers`; the same after a restart.
    public let address: String
    public let folder: String
    private let node: String

    private static let one = AsyncOnce<TestKafka?> {
        guard let home = home else { return nil }
        return try await start(home: home)
    }

    /// The node that all tests of the process share, started when first asked for; nil (and a line on standard output
    /// with the reason) where there is no Kafka.
    public static func shared() async throws -> TestKafka? { try await one.value() }

    /// Whether there is a Kafka to test with.
    public static var isAvailable: Bool { home != nil }

    /// A node for one test, which may do to it what it likes; nil where there is no Kafka.
    ///
    /// - Parameter settings: `key=value` of the broker's configuration.
    public static func start(settings: [String] = []) async throws -> TestKafka? {
        guard let home else { return nil }
        return try await start(home: home, settings: settings)
    }

    /// Ends the broker as an operator does.
    public func stop() async throws { _ = try await run("stop") }

    /// SIGKILL.
    public func kill() async throws { _ = try await run("kill") }

    /// Starts it again on the same data and port; about 4 s, up to 7 s after a kill.
    public func startAgain() async throws { _ = try await run("start") }

    /// The end of the broker's log.
    public var log: String { String(TestFolders.text(of: "\(folder)/server.log").suffix(4000)) }

    private init(address: String, folder: String, node: String) {
        self.address = address
        self.folder = folder
        self.node = node
    }

    private static let home: String? = {
        let home = TestFolders.environment("KAFKA_HOME") ?? "\(TestFolders.packageRoot)/../shared/kafka"
        guard TestFolders.exists("\(home)/bin/kafka-node") else {
            print("Tests with Kafka are left out: there is no bin/kafka-node in \(home) (set KAFKA_HOME).")
            return nil
        }
        let path = (TestFolders.environment("PATH") ?? "/usr/bin:/bin").split(separator: ":")
        guard TestFolders.environment("JAVA_HOME") != nil || path.contains(where: { TestFolders.exists("\($0)/java") })
        else {
            print("Tests with Kafka are left out: there is no java (apt-get install openjdk-17-jre-headless).")
            return nil
        }
        return home
    }()

    private static func start(home: String, settings: [String] = []) async throws -> TestKafka {
        let folder = try TestFolders.temporary("kafka")
        // The controller takes the next port.
        let port = FreePorts.consecutive(2)
        let kafka = TestKafka(address: "127.0.0.1:\(port)", folder: folder, node: "\(home)/bin/kafka-node")
        _ = try await kafka.run("start", ["\(port)"] + settings)
        return kafka
    }

    /// One that does not begin with a dash, as one in 64 that the script draws does, which the formatting tool refuses.
    private static let clusterID = "RmFuZmFyZVRlc3RzMDAwMA"

    private func run(_ verb: String, _ arguments: [String] = []) async throws -> String {
        // The broker stays in the script's process group, so the guard ends it with the test process.
        let script = try ProcessUnderTest(
            node, [verb, folder] + arguments, environment: ["KAFKA_HEAP": "256m", "KAFKA_CLUSTER_ID": Self.clusterID],
            folder: folder, log: "node-\(verb)")
        guard let end = await script.end(within: .seconds(90)) else {
            await script.stop(within: .zero)
            throw SpawnError("kafka-node \(verb) took longer than 90 s: \(log)")
        }
        guard end == .exited(0) else { throw SpawnError("kafka-node \(verb): \(end) \(script.errors) \(log)") }
        return script.output
    }
}
