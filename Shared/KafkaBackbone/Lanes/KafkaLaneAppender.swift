public import Backbone
internal import EventModel
public import Observability

/// Appends single deliveries from a process that owns no lanes: redeliver, resend.
public final class KafkaLaneAppender: LaneAppender {
    private let configuration: KafkaBackboneConfiguration
    private let producer: KafkaProducer
    private let publisher: LanePublisher

    /// - Throws: `configuration`.
    public init(
        _ configuration: KafkaBackboneConfiguration, logger: Logger, metrics: MetricsRegistry
    ) throws(KafkaError) {
        self.configuration = configuration
        var settings = configuration.producer(role: "requests")
        settings.deliveryTimeout = configuration.appending.deliveryTimeout
        producer = try KafkaProducer(settings, log: logger, metrics: metrics)
        publisher = LanePublisher(producer: producer, topics: configuration.topics)
    }

    public func append(_ deliveries: [RequestedDelivery]) async throws(BackboneError) {
        let topic = configuration.topics.deliveries
        if producer.partitionCount(of: topic) == nil {
            do throws(KafkaError) {
                try await producer.prepare(topics: [topic], timeout: configuration.appending.deliveryTimeout)
            } catch {
                throw BackboneError(error)
            }
        }
        let now = SystemClock().now()
        // Somebody waits for the answer: one try, and a repetition is theirs to ask for.
        try await publisher.publish(deliveries.map { LaneRecordBody($0, at: now) }) { true }
    }

    public func shutdown() async {
        await producer.shutdown(within: configuration.appending.deliveryTimeout)
    }
}
