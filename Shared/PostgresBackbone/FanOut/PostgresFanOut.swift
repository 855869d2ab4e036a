public import Backbone
internal import Database
public import Observability
internal import Store

/// The fan-out on Postgres alone: the feed is the log, deliveries are rows of the lanes.
///
/// One thread reads the feed, one batch ahead of the matcher; one appends what was matched. Which partitions they do it
/// for is decided by leases; that nothing is done twice or under a lost lease is decided by epochs and `fanned`.
public final class PostgresFanOut: FanOut {
    private let configuration: PostgresBackboneConfiguration
    private let logger: Logger
    private let metrics: MetricsRegistry
    private let state = Monitor(FanOutState())
    private let view: LeaseView
    private let wake: WakeSender
    private let ended = Latch(3)
    private let cancellers = (reader: Canceller(), completer: Canceller())

    public init(_ configuration: PostgresBackboneConfiguration, logger: Logger, metrics: MetricsRegistry) {
        self.configuration = configuration
        self.logger = logger
        self.metrics = metrics
        view = LeaseView(parts: configuration.eventPartitions)
        wake = WakeSender(topic: Topic.deliveries, logger: logger)
    }

    /// The lease was renewed in time: what this process does not own, others do or nobody needs.
    public var isReady: Bool { view.isCurrent() }

    public func run() async throws {
        let keeper = LeaseKeeper(
            configuration, topic: Topic.events, parts: configuration.eventPartitions, view: view, logger: logger,
            metrics: metrics, onChange: { [state] held in state.update(ringing: .reader) { $0.update(held) } })
        let listener = Listener(
            configuration.database,
            channels: [Topic.events, LeaseStatement.channel(topic: Topic.events)],
            name: "fan-out-wake", logger: logger, metrics: metrics
        ) { [self] channel, payload in
            heard(channel, payload, keeper)
        } onReconnect: { [self] in
            state.update(ringing: .reader) { $0.isWoken = true }
            keeper.hurry()
        }
        start(keeper)
        await withTaskCancellationHandler {
            await withTaskGroup { group in
                group.addTask { await listener.run() }
                await ended.wait()
                group.cancelAll()
            }
        } onCancel: {
            giveUp(keeper)
        }
    }

    private func heard(_ channel: String, _ payload: String, _ keeper: LeaseKeeper) {
        switch channel {
        case Topic.events: state.update(ringing: .reader) { $0.isWoken = true }
        default: if payload != configuration.member { keeper.hurry() }
        }
    }

    public func shutdown() async {
        let waiter = state.update(ringing: .everyone) { state in
            state.isStopping = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: nil)
        await ended.wait()
    }

    private func giveUp(_ keeper: LeaseKeeper) {
        let waiter = state.update(ringing: .everyone) { state in
            state.isAbandoned = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: nil)
        keeper.abandon()
        cancellers.reader.cancel()
        cancellers.completer.cancel()
    }

    // MARK: The threads

    private func start(_ keeper: LeaseKeeper) {
        let lost: @Sendable ([OwnedPart]) -> Void = { [state, view] parts in
            state.update(ringing: .reader) { state in
                for part in parts { state.lose(part) }
            }
            for part in parts { view.lost(part.part, epoch: part.epoch) }
            keeper.hurry()
        }
        start("pg-fan-lease") { keeper.serve() }
        start("pg-fan-read") { [self] in
            var database = configuration.database
            database.sessionSettings.merge(PostgresFanOut.readerSettings) { $1 }
            let connection = BlockingConnection(
                database, name: "fan-out-read", logger: logger, metrics: metrics, canceller: cancellers.reader)
            FanOutReader(configuration, state: state, connection: connection, logger: logger, lost: lost).serve()
            drain(keeper)
        }
        start("pg-fan-append") { [self] in
            let connection = BlockingConnection(
                configuration.database, name: "fan-out-append", logger: logger, metrics: metrics,
                canceller: cancellers.completer)
            FanOutCompleter(
                configuration, state: state, connection: connection, logger: logger,
                wake: wake, release: { keeper.release($0) }, lost: lost
            ).serve()
        }
    }

    /// A session whose statements go by index.
    static let indexSettings = ["enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"]

    /// A reader's session: what it writes needs no flush.
    static let readerSettings = indexSettings.merging(["synchronous_commit": "off"]) { $1 }

    private func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
        NamedThread.start(name) { [ended] in
            body()
            ended.countDown()
        }
    }

    /// After the last read: waits for what is out, then lets the others end.
    private func drain(_ keeper: LeaseKeeper) {
        state.withLock { $0.discardReady() }
        _ = state.wait(until: .now + configuration.window.drain) { state -> Bool? in
            state.isAllCompleted || state.isAbandoned ? true : nil
        }
        let isLate = state.update(ringing: .writer) { state in
            state.isDrained = true
            return !state.isAllCompleted
        }
        // What is still on its way has a matcher that hangs or a server that is away: its rows stay beyond `fanned`.
        if isLate {
            state.update(ringing: .everyone) { $0.isAbandoned = true }
            cancellers.completer.cancel()
        }
        keeper.leave()
    }

    // MARK: The matcher's side

    public func next() async throws -> FanOutBatch? {
        await withTaskCancellationHandler {
            // Unsafe only in name: whoever takes the waiter out of the state resumes it, once.
            await withUnsafeContinuation { (continuation: FanOutState.Waiter) in
                let answer = state.update(ringing: .reader) { state -> FanOutBatch?? in
                    if state.isEnding || Task.isCancelled { return .some(nil) }
                    if let batch = state.takeReady() { return batch }
                    precondition(state.waiter == nil, "one matcher waits at a time")
                    state.waiter = continuation
                    return nil
                }
                if case .some(let batch) = answer { continuation.resume(returning: batch) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume(returning: nil)
        }
    }

    public func complete(_ batch: FanOutBatch, deliveries: [LaneDelivery]) async throws {
        // Resumed by the completer's thread, which answers everything that it was given.
        let result = await withUnsafeContinuation { continuation in
            let isTaken = state.update(ringing: .writer) { $0.complete(batch, deliveries, continuation) }
            if !isTaken {
                continuation.resume(returning: .failure(BackboneError(.stopped, "the fan-out has ended")))
            }
        }
        try result.get()
    }
}
