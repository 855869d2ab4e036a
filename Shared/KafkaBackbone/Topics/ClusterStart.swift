internal import Observability
internal import Store

/// Waits for the cluster, however long it takes: a service that starts before its brokers is not broken.
enum ClusterStart {
    private static let pause: Duration = .milliseconds(500)

    /// Makes sure that the topics are there and the producer knows them.
    ///
    /// - Throws: what waiting does not cure: topics of another shape, a wrong setting; `closed` after `stop`.
    static func prepare(
        _ configuration: KafkaBackboneConfiguration, producing: [(KafkaProducer, [String])], stop: StopFlag,
        logger: Logger, metrics: MetricsRegistry
    ) async throws(KafkaError) {
        let wake = WakeSignal()
        while true {
            do throws(KafkaError) {
                try await configuration.topics.ensure(configuration.connection, log: logger, metrics: metrics)
                logger.debug("topics are there")
                for (producer, topics) in producing { try await producer.prepare(topics: topics) }
                logger.debug("producers are ready")
                return
            } catch {
                switch error.code {
                case .configuration, .mismatch, .closed: throw error
                case .full, .unknownTopic, .unknownPartition, .timedOut, .refused:
                    logger.warning("kafka is not ready", ["reason": .describing(error)])
                }
            }
            await wake.wait(atMost: pause)
            if stop.isSet || Task.isCancelled { throw KafkaError(.closed, "the service stops") }
        }
    }
}
