public import Backbone
internal import Database
public import EventModel
public import Observability
internal import Store
internal import Synchronization

/// The event log on Kafka: what `append` has answered is in all in-sync replicas of `events`.
///
/// Several appends may be in flight. The feed is exact about duplicates whatever is answered here; the answer comes from
/// the keys that this process had acknowledged and from one look-up with a short deadline.
public final class KafkaEventLog: EventLog {
    private let configuration: KafkaBackboneConfiguration
    private let logger: Logger
    private let metrics: MetricsRegistry
    private let producer: KafkaProducer
    private let duplicates: DuplicateLookUp
    private let stop = StopFlag()
    private let isPrepared = Atomic(false)
    private let isStopped = Atomic(false)

    /// - Throws: `configuration`.
    public init(
        _ configuration: KafkaBackboneConfiguration, logger: Logger, metrics: MetricsRegistry
    ) throws(KafkaError) {
        self.configuration = configuration
        self.logger = logger
        self.metrics = metrics
        var settings = KafkaProducerSettings(connection: configuration.connection)
        settings.role = "log"
        settings.deliveryTimeout = configuration.appending.deliveryTimeout
        settings.inFlightBytes = configuration.appending.inFlightBytes
        producer = try KafkaProducer(settings, log: logger, metrics: metrics)
        duplicates = DuplicateLookUp(configuration, logger: logger, metrics: metrics)
    }

    public var isReady: Bool { isPrepared.load(ordering: .acquiring) && !isStopped.load(ordering: .relaxed) }

    public func run() async throws {
        do throws(KafkaError) {
            try await ClusterStart.prepare(
                configuration, producing: [(producer, [configuration.topics.events])], stop: stop, logger: logger,
                metrics: metrics)
        } catch {
            if error.code != .closed { throw error }
        }
        await duplicates.warmUp()
        isPrepared.store(true, ordering: .releasing)
        await stop.wait()
        isStopped.store(true, ordering: .relaxed)
        await producer.shutdown(within: Task.isCancelled ? .zero : configuration.appending.deliveryTimeout)
        await duplicates.shutdown()
    }

    public func shutdown() async {
        isStopped.store(true, ordering: .relaxed)
        await producer.shutdown(within: configuration.appending.deliveryTimeout)
        stop.set()
    }

    public func append(_ events: [NewEvent]) async throws(BackboneError) -> [AppendReceipt] {
        if events.isEmpty { return [] }
        var append = PendingAppend(events, known: await duplicates.known(among: events))
        let batch = append.batch(for: configuration.topics)
        guard !batch.isEmpty else { return append.receipts }
        do throws(KafkaError) {
            append.finish(try await producer.produce(batch))
        } catch {
            throw BackboneError(error)
        }
        duplicates.remember(&append, events)
        return try append.answer()
    }
}

extension BackboneError {
    /// What a refused batch means at the seam: nothing of it was handed over.
    init(_ error: KafkaError) {
        let code: Code =
            switch error.code {
            case .full: .overloaded
            case .closed: .stopped
            case .configuration, .unknownTopic, .unknownPartition, .timedOut, .refused, .mismatch: .unavailable
            }
        self.init(code, error.description)
    }
}
