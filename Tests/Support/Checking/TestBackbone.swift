/// A backbone to run an end-to-end test on.
public enum TestBackbone: String, Sendable, CaseIterable {
    case postgres, kafka

    /// Those that can be tested here.
    public static let available: [TestBackbone] =
        [.postgres] + (TestKafka.isAvailable ? [.kafka] : [])

    /// Starts an installation on it; those on Kafka share a broker, with topics of their own.
    public func start(settings: [String] = []) async throws -> Installation {
        switch self {
        case .postgres: return try await Installation.start(settings: settings)
        case .kafka:
            guard let kafka = try await TestKafka.shared() else { throw SpawnError("there is no Kafka") }
            let prefix = "kafka.topic-prefix = t\(FreePorts.one())"
            return try await Installation.start(kafka: kafka.address, settings: settings + [prefix])
        }
    }
}
