internal import CRdKafka
public import Observability
internal import Synchronization

/// Takes records from the partitions that this process owns, into a ring of bounded bytes, and keeps its positions.
///
/// Two tasks serve it: one takes records, one follows what is owned.
///
///     let consumer = try KafkaConsumer(settings, log: log, metrics: registry)
///     while let change = await consumer.nextRebalance() {            // task 1
///         switch change {
///         case .assigned(let claims): consumer.start(claims.map { ($0, .committed) })
///         case .revoked(let claims): await drain(claims); consumer.handBack(claims)
///         case .lost(let claims): drop(claims)
///         }
///     }
///     while let records = await consumer.nextRecords() { … ; consumer.advance(claim, to: offset + 1) }     // task 2
///     await consumer.shutdown()                                       // revokes; both loops end
///
/// The thread `kafka-poll` never waits for the service: what librdkafka has goes into the ring at once, and the only
/// brake is a pause when it is full.
public final class KafkaConsumer: Sendable {
    private let shared: ConsumerShared
    /// How long this process may act as an owner; asked before each thing that only the owner may do.
    public let lease: KafkaLease

    /// Starts the client; brokers are not waited for.
    ///
    /// - Parameter clock: the monotonic clock of the lease.
    /// - Throws: `KafkaError.Code.configuration`.
    public init(
        _ settings: KafkaConsumerSettings, log: Logger, metrics: MetricsRegistry,
        clock: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) throws(KafkaError) {
        precondition(settings.leaseMargin < settings.sessionTimeout, "the margin is a part of the session")
        lease = KafkaLease(sessionTimeout: settings.sessionTimeout, margin: settings.leaseMargin, clock: clock)
        let events = ClientEvents(log: log, metrics: ClientMetrics(metrics, client: settings.role))
        let wanted = RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_OFFSET_COMMIT
        let watch = JoinWatch(heartbeat: settings.heartbeat)
        let handle = try ClientHandle(
            RD_KAFKA_CONSUMER, settings: settings.properties, transport: settings.connection.transport,
            events: ClientEvents.handled | Int32(wanted), watch: watch)
        shared = ConsumerShared(settings: settings, handle: handle, events: events, lease: lease, watch: watch)
        NamedThread.start("kafka-poll") { [shared] in ConsumerLoop(shared).run() }
    }

    // MARK: Records

    /// The next records, as soon as there are any; nil after the end, or when the task is cancelled. For one task.
    public func nextRecords() async -> KafkaRecords? {
        guard let chunk = await shared.ring.next(onHalfEmpty: { shared.handle.wakePoller() }) else { return nil }
        return KafkaRecords(chunk: chunk)
    }

    /// Notes that everything of the claim below `offset` is done. Committed within the commit interval.
    public func advance(_ claim: PartitionClaim, to offset: Int64) {
        shared.inbox.withLock { $0.marks[claim, default: offset] = max($0.marks[claim] ?? offset, offset) }
    }

    /// The same for several, with one lock.
    public func advance(_ marks: some Sequence<(PartitionClaim, Int64)>) {
        shared.inbox.withLock { inbox in
            for (claim, offset) in marks { inbox.marks[claim] = max(inbox.marks[claim] ?? offset, offset) }
        }
    }

    /// Commits every mark now; returns when the coordinator has acknowledged.
    ///
    /// - Throws: `refused` (not a member any more), `timedOut`, `closed`.
    public func commit() async throws(KafkaError) {
        let result: Result<Void, KafkaError> = await withCheckedContinuation { continuation in
            if !shared.send(.commit(continuation)) {
                continuation.resume(returning: .failure(KafkaError(.closed, "the consumer is closed")))
            }
        }
        try result.get()
    }

    /// Stops a partition at `offset` and throws away what was fetched from there on; `release` reads it again.
    public func hold(_ claim: PartitionClaim, at offset: Int64) { shared.send(.hold(claim, at: offset)) }

    /// Ends a `hold`.
    public func release(_ claim: PartitionClaim) { shared.send(.release(claim)) }

    /// Says that records were appended to private companions, at these offsets (-1: somewhere); they are read at once.
    public func expect(_ records: [(PartitionClaim, Int64)]) { shared.send(.expect(records)) }

    // MARK: Ownership

    /// The next change of what this member owns; nil after the end, or when the task is cancelled. For one task.
    public func nextRebalance() async -> KafkaRebalance? { await shared.rebalances.next() }

    /// Begins to read claims that were assigned; until then they cost the group nothing and yield nothing.
    public func start(_ starts: [(PartitionClaim, KafkaStart)]) { shared.send(.start(starts)) }

    /// Gives revoked claims back: their marks are committed and others may have them.
    public func handBack(_ claims: [PartitionClaim]) { shared.send(.handBack(claims)) }

    /// The partition behind a claim.
    public func partition(of claim: PartitionClaim) -> TopicPartition {
        TopicPartition(shared.topicNames[claim.topic], claim.partition)
    }

    /// The offset behind the partition's last record, as of the last statistics; nil while nothing is known.
    public func end(of claim: PartitionClaim) -> Int64? {
        shared.events.metrics.ends.end(of: partition(of: claim))
    }

    /// Leaves the group: revokes all claims (the drain limit holds), commits, and returns when the client is gone.
    public func shutdown() async {
        shared.send(.close)
        await shared.ended()
    }
}

/// What the consumer's callers and its polling thread share.
final class ConsumerShared: Sendable {
    enum Command {
        case start([(PartitionClaim, KafkaStart)])
        case handBack([PartitionClaim])
        case hold(PartitionClaim, at: Int64)
        case release(PartitionClaim)
        case expect([(PartitionClaim, Int64)])
        case commit(CheckedContinuation<Result<Void, KafkaError>, Never>)
        case close
    }

    struct Inbox {
        var commands: [Command] = []
        var marks: [PartitionClaim: Int64] = [:]
        var hasEnded = false
        var waitingForEnd: [CheckedContinuation<Void, Never>] = []
    }

    let settings: KafkaConsumerSettings
    let topicNames: [String]
    let handle: ClientHandle
    let events: ClientEvents
    let lease: KafkaLease
    let watch: JoinWatch
    let ring: RecordRing
    let rebalances = AsyncMailbox<KafkaRebalance>()
    let inbox = Mutex(Inbox())

    init(
        settings: KafkaConsumerSettings, handle: ClientHandle, events: ClientEvents, lease: KafkaLease, watch: JoinWatch
    ) {
        self.watch = watch
        self.settings = settings
        self.handle = handle
        self.events = events
        self.lease = lease
        topicNames = settings.topicNames
        ring = RecordRing(limit: settings.ringBytes)
    }

    /// False when there is nobody left to obey.
    @discardableResult
    func send(_ command: Command) -> Bool {
        let isAlive = inbox.withLock { inbox in
            if !inbox.hasEnded { inbox.commands.append(command) }
            return !inbox.hasEnded
        }
        handle.wakePoller()
        return isAlive
    }

    func ended() async {
        await withCheckedContinuation { continuation in
            let hasEnded = inbox.withLock { inbox in
                if !inbox.hasEnded { inbox.waitingForEnd.append(continuation) }
                return inbox.hasEnded
            }
            if hasEnded { continuation.resume() }
        }
    }
}
