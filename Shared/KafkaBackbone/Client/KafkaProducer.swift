internal import CRdKafka
public import Observability
internal import Synchronization

/// Produces batches, durable on all in-sync replicas, each answered once with every record's outcome.
///
/// Idempotent, so a retry of librdkafka's own neither repeats nor reorders within a partition. Bounded by
/// `KafkaProducerSettings.inFlightBytes`; a batch beyond it is refused whole, at once, with `KafkaError.Code.full`.
///
///     let producer = try KafkaProducer(settings, log: log, metrics: registry)
///     try await producer.prepare(topics: ["events"])          // before ready: the first answer costs a second otherwise
///     let receipts = try await producer.produce(batch)
///     await producer.shutdown(within: .seconds(5))
///
/// Delivery reports arrive on a thread named `kafka-poll`.
public final class KafkaProducer: Sendable {
    private struct State {
        /// Nil before the first session and after `shutdown`.
        var session: ProducerSession?
        var isClosed = false
        var partitions: [String: Int] = [:]
        var inFlightBytes = 0
    }

    private let settings: KafkaProducerSettings
    private let events: ClientEvents
    private let state = Mutex(State())

    /// Starts the client; brokers are not waited for.
    ///
    /// - Throws: `KafkaError.Code.configuration`.
    public init(_ settings: KafkaProducerSettings, log: Logger, metrics: MetricsRegistry) throws(KafkaError) {
        self.settings = settings
        events = ClientEvents(log: log, metrics: ClientMetrics(metrics, client: settings.role))
        let session = try startSession()
        state.withLock { $0.session = session }
    }

    // MARK: Getting ready

    /// Learns the topics' partitions, and asks their leaders something, so that the first batch finds connections that
    /// stand and leaders that know of it.
    ///
    /// - Throws: `unknownTopic` when one does not exist, `timedOut` when the cluster does not answer within `timeout`.
    public func prepare(topics: [String], timeout: Duration = .seconds(10)) async throws(KafkaError) {
        guard let session = state.withLock({ $0.session }) else { throw KafkaError(.closed, "the producer is closed") }
        let deadline = ContinuousClock.now + timeout
        let found = try await NamedThread.run("kafka-metadata") {
            session.handle.withHandle { client in
                ClusterMetadata.partitions(of: topics, client, by: deadline).flatMap { found in
                    let all = found.flatMap { topic, count in (0..<count).map { TopicPartition(topic, Int32($0)) } }
                    return ClusterMetadata.offsets(of: all, at: .newest, client, by: deadline).map { _ in found }
                }
            } ?? .failure(KafkaError(.closed, "the producer is closed"))
        }
        state.withLock { $0.partitions.merge(found) { $1 } }
    }

    /// Partitions of a prepared topic.
    public func partitionCount(of topic: String) -> Int? { state.withLock { $0.partitions[topic] } }

    /// Bytes handed over and not answered yet.
    public var inFlightBytes: Int { state.withLock { $0.inFlightBytes } }

    // MARK: Producing

    /// Produces a batch and waits for every record's outcome.
    ///
    /// - Throws: only when nothing of the batch was handed over: `full`, `closed`, `unknownTopic`, `unknownPartition`.
    public func produce(_ batch: KafkaBatch) async throws(KafkaError) -> ProduceReceipts {
        let result: Result<ProduceReceipts, KafkaError> = await withCheckedContinuation { continuation in
            do throws(KafkaError) {
                try produce(batch) { continuation.resume(returning: .success($0)) }
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        return try result.get()
    }

    /// Produces records that are at hand one by one.
    public func produce(_ records: [KafkaRecord]) async throws(KafkaError) -> ProduceReceipts {
        var batch = KafkaBatch(records: records.count, bytes: records.reduce(0) { $0 + $1.value.count + $1.key.count })
        for record in records {
            let partition: Int32
            switch record.placement {
            case .partition(let number):
                partition = number
            case .byKey:
                guard let count = partitionCount(of: record.topic) else {
                    throw KafkaError(.unknownTopic, "\(record.topic) was not prepared")
                }
                partition = KafkaPartitioner.partition(of: record.key, count: count)
            }
            batch.append(
                topic: record.topic, partition: partition, key: record.key, headers: record.headers, value: record.value
            )
        }
        return try await produce(batch)
    }

    /// Produces a batch without waiting, for loops that answer many requests at once.
    ///
    /// - Parameter completion: called exactly once when this returns normally, on the polling thread: it may not block.
    /// - Throws: as the waiting form; then `completion` is not called.
    public func produce(
        _ batch: KafkaBatch, completion: @escaping @Sendable (ProduceReceipts) -> Void
    ) throws(KafkaError) {
        if batch.isEmpty {
            return completion(ProduceReceipts(outcomes: [], acknowledged: 0, firstFailure: ""))
        }
        let cost = batch.byteCount + batch.count * KafkaProducerSettings.recordOverhead
        let session = try reserve(cost, for: batch)
        do throws(KafkaError) {
            try session.enqueue(batch) { receipts in
                self.release(cost)
                self.count(receipts)
                completion(receipts)
            }
        } catch {
            release(cost)
            throw error
        }
    }

    // MARK: Ending

    /// Waits for what is in flight, at most `limit`, gives up on the rest (which is answered so), and ends the client.
    public func shutdown(within limit: Duration) async {
        let session = state.withLock { state in
            state.isClosed = true
            defer { state.session = nil }
            return state.session
        }
        await session?.stop(by: .now + limit)
    }

    // MARK: Inside

    private func startSession() throws(KafkaError) -> ProducerSession {
        try ProducerSession(settings: settings, events: events) { [weak self] failed in self?.replace(failed) }
    }

    /// A fatal error ends a producer id, not the service: what was in flight is answered as it stands, and new batches
    /// go through a new session.
    private func replace(_ failed: ProducerSession) {
        let isCurrent = state.withLock { $0.session === failed }
        failed.requestStop(by: .now)
        guard isCurrent else { return }
        do throws(KafkaError) {
            let session = try startSession()
            let wasClosed = state.withLock { state in
                if !state.isClosed { state.session = session }
                return state.isClosed
            }
            if wasClosed { session.requestStop(by: .now) }
        } catch {
            events.log.error("no new kafka producer after a fatal error", ["error": .describing(error)])
        }
    }

    private func reserve(_ cost: Int, for batch: KafkaBatch) throws(KafkaError) -> ProducerSession {
        let result = state.withLock { state -> Result<ProducerSession, KafkaError> in
            guard let session = state.session else { return .failure(KafkaError(.closed, "the producer is closed")) }
            var counts: [Int] = []
            for topic in batch.topics {
                guard let count = state.partitions[topic] else {
                    return .failure(KafkaError(.unknownTopic, "\(topic) was not prepared"))
                }
                counts.append(count)
            }
            // librdkafka loses account of a record for a partition that is not there; so it never sees one.
            for entry in batch.entries where entry.partition < 0 || entry.partition >= counts[Int(entry.topic)] {
                let name = TopicPartition(batch.topics[Int(entry.topic)], entry.partition)
                return .failure(KafkaError(.unknownPartition, "there is no \(name)"))
            }
            // A batch larger than the bound goes alone rather than never.
            guard state.inFlightBytes == 0 || state.inFlightBytes + cost <= settings.inFlightBytes else {
                return .failure(KafkaError(.full, "\(state.inFlightBytes) bytes are in flight"))
            }
            state.inFlightBytes += cost
            return .success(session)
        }
        if case .failure(let error) = result, error.code == .full { events.metrics.refusedFull.increment() }
        return try result.get()
    }

    private func release(_ cost: Int) {
        let left = state.withLock { state in
            state.inFlightBytes -= cost
            return state.inFlightBytes
        }
        events.metrics.inFlightBytes.set(Double(left))
    }

    private func count(_ receipts: ProduceReceipts) {
        events.metrics.acknowledged.increment(by: receipts.acknowledged)
        guard !receipts.allAcknowledged else { return }
        let possibly = receipts.count { $0 == .possiblyPersisted }
        events.metrics.possiblyPersisted.increment(by: possibly)
        events.metrics.notPersisted.increment(by: receipts.count - receipts.acknowledged - possibly)
    }
}
