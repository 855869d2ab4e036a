public import Backbone
internal import EventModel
public import Observability

/// Publishes agents' runs to the topic `agent.runs`, keyed by tenant, as events are.
public final class KafkaRunTopic: RunTopic {
    private let configuration: KafkaBackboneConfiguration
    private let logger: Logger
    private let metrics: MetricsRegistry
    private let producer: KafkaProducer
    private let stop = StopFlag()

    /// - Throws: `configuration`.
    public init(
        _ configuration: KafkaBackboneConfiguration, logger: Logger, metrics: MetricsRegistry
    ) throws(KafkaError) {
        self.configuration = configuration
        self.logger = logger
        self.metrics = metrics
        var settings = KafkaProducerSettings(connection: configuration.connection)
        settings.role = "runs"
        settings.deliveryTimeout = configuration.appending.deliveryTimeout
        producer = try KafkaProducer(settings, log: logger, metrics: metrics)
    }

    public func run() async throws {
        do throws(KafkaError) {
            try await ClusterStart.prepare(
                configuration, producing: [(producer, [configuration.topics.runs])], stop: stop, logger: logger,
                metrics: metrics)
        } catch {
            if error.code != .closed { throw error }
        }
        await stop.wait()
        await producer.shutdown(within: Task.isCancelled ? .zero : configuration.appending.deliveryTimeout)
    }

    public func shutdown() async {
        await producer.shutdown(within: configuration.appending.deliveryTimeout)
        stop.set()
    }

    public func publish(_ runs: [RunRecord]) async throws(BackboneError) {
        guard !runs.isEmpty else { return }
        let topics = configuration.topics
        var batch = KafkaBatch(records: runs.count, bytes: runs.reduce(0) { $0 + $1.body.count + 96 })
        for run in runs {
            batch.append(
                topic: topics.runs, partition: Int32(run.tenant.partition(of: topics.eventPartitions)),
                key: Array(run.id.description.utf8)
            ) { $0.append(contentsOf: run.body) }
        }
        let receipts: ProduceReceipts
        do throws(KafkaError) {
            receipts = try await producer.produce(batch)
        } catch {
            throw BackboneError(error)
        }
        guard receipts.allAcknowledged else {
            throw BackboneError(.unavailable, "not all of \(runs.count) runs were acknowledged")
        }
    }
}
