internal import KafkaBackbone
internal import Observability
internal import Synchronization
internal import TestSupport

/// A cluster to test with and what every test makes on it.
struct KafkaFixture: Sendable {
    let connection: KafkaConnection
    let metrics = MetricsRegistry()
    let log: Logger
    let sink = CapturingLogSink()

    init(_ bootstrapServers: String) {
        connection = KafkaConnection(bootstrapServers: bootstrapServers, clientID: "test")
        log = Logger(service: "test", level: .debug, sink: sink)
    }

    /// The real broker that all tests share; nil where there is none.
    static func shared() async throws -> KafkaFixture? { try await TestKafka.shared().map { KafkaFixture($0.address) } }

    private static let lastNumber = Atomic(0)

    /// A name that no other test has.
    static func name(_ stem: String) -> String {
        "\(stem)-\(lastNumber.add(1, ordering: .relaxed).newValue)"
    }

    /// A metric's value now.
    func counted(_ name: String, client: String = "consumer", _ labels: [(String, String)] = []) -> Int {
        var text: [UInt8] = []
        metrics.render(into: &text)
        let prefix = "\(name){client=\"\(client)\"" + labels.map { ",\($0.0)=\"\($0.1)\"" }.joined() + "} "
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
        return lines.first { $0.hasPrefix(prefix) }.flatMap { Double($0.dropFirst(prefix.count)) }.map { Int($0) } ?? 0
    }

    func admin() throws -> KafkaAdmin { try KafkaAdmin(connection, log: log, metrics: metrics) }

    /// Makes topics and returns their names.
    func topics(_ stems: String..., partitions: Int) async throws -> [String] {
        let admin = try admin()
        defer { admin.shutdown() }
        let names = stems.map { Self.name($0) }
        try await admin.ensure(names.map { TopicSpecification($0, partitions: partitions, replicas: 1) })
        return names
    }

    func producer(
        topics: [String], _ change: (inout KafkaProducerSettings) -> Void = { _ in }
    ) async throws -> KafkaProducer {
        var settings = KafkaProducerSettings(connection: connection)
        change(&settings)
        let producer = try KafkaProducer(settings, log: log, metrics: metrics)
        try await producer.prepare(topics: topics)
        return producer
    }

    func consumer(
        _ membership: KafkaConsumerSettings.Membership, _ change: (inout KafkaConsumerSettings) -> Void = { _ in },
        clock: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) throws -> KafkaConsumer {
        var settings = KafkaConsumerSettings(connection: connection, membership: membership)
        change(&settings)
        return try KafkaConsumer(settings, log: log, metrics: metrics, clock: clock)
    }

    /// Produces `count` records to one partition; the values are their numbers, padded.
    func produce(_ numbers: Range<Int>, to topic: String, partition: Int32, padding: Int = 0) async throws {
        let producer = try await producer(topics: [topic])
        for start in stride(from: numbers.lowerBound, to: numbers.upperBound, by: 1000) {
            let receipts = try await producer.produce(
                Self.batch(
                    start..<min(start + 1000, numbers.upperBound), to: topic, partition: partition, padding: padding))
            guard receipts.allAcknowledged else {
                throw KafkaError(.refused, "not acknowledged", cause: receipts.firstFailure)
            }
        }
        await producer.shutdown(within: .seconds(5))
    }

    static func batch(_ numbers: Range<Int>, to topic: String, partition: Int32, padding: Int = 0) -> KafkaBatch {
        var batch = KafkaBatch()
        for number in numbers {
            batch.append(topic: topic, partition: partition, key: Array("k\(number)".utf8)) { bytes in
                bytes += Array("\(number)".utf8)
                bytes += repeatElement(UInt8(ascii: " "), count: padding)
            }
        }
        return batch
    }
}

extension KafkaMessage {
    /// The number that `KafkaFixture.batch` wrote.
    var number: Int { Int(String(decoding: value.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)) ?? -1 }
}
