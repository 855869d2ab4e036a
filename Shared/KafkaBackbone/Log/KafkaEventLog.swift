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
    private struct KeyedAppend: Sendable {
        let events: [NewEvent]
        let completion: @Sendable (AppendAnswer) -> Void
    }

    private let configuration: KafkaBackboneConfiguration
    private let logger: Logger
    private let metrics: MetricsRegistry
    private let producer: KafkaProducer
    private let duplicates: DuplicateLookUp
    private let stop = StopFlag()
    /// Bounded by the callers: each waits for its answer.
    private let keyed = AsyncStream.makeStream(of: KeyedAppend.self)
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
        try await withThrowingTaskGroup { group in
            group.addTask { await self.lookUpKeys() }
            // However this ends: what still waits for a look-up is answered, and nothing more is taken.
            defer { keyed.continuation.finish() }
            try await serve()
        }
    }

    private func serve() async throws {
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

    /// Events without a key go straight to the client and are answered on its thread; keys are looked up first, in `run`.
    public func append(_ events: [NewEvent], completion: @escaping @Sendable (AppendAnswer) -> Void) {
        guard events.contains(where: { $0.dedupeKey != nil }) else {
            return produce(events, known: [EventID?](repeating: nil, count: events.count), completion)
        }
        if case .enqueued = keyed.continuation.yield(KeyedAppend(events: events, completion: completion)) { return }
        completion(.failure(BackboneError(.stopped, "the log is shut down")))
    }

    private func lookUpKeys() async {
        await withDiscardingTaskGroup { group in
            for await append in keyed.stream {
                group.addTask { [self] in
                    produce(append.events, known: await duplicates.known(among: append.events), append.completion)
                }
            }
        }
    }

    private func produce(
        _ events: [NewEvent], known: [EventID?], _ completion: @escaping @Sendable (AppendAnswer) -> Void
    ) {
        let append = PendingAppend(events, known: known)
        let batch = append.batch(for: configuration.topics)
        guard !batch.isEmpty else { return completion(.success(append.receipts)) }
        do throws(KafkaError) {
            try producer.produce(batch) { [duplicates] outcomes in
                var append = append
                append.finish(outcomes)
                duplicates.remember(&append, events)
                completion(append.answer())
            }
        } catch {
            completion(.failure(BackboneError(error)))
        }
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
