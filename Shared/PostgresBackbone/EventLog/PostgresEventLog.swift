public import Backbone
internal import Database
public import EventModel
public import Observability
internal import Store
internal import Synchronization

/// The event log on Postgres alone: appending is storing, so the answer is exact about duplicates.
///
/// What waits is appended in one call, up to 1 000 events or 4 MiB, by two connections in turn: one call builds and
/// sends its batch while the other commits. The queue is bounded in events and bytes, and nothing waits in it for longer
/// than `Appending.patience`.
public final class PostgresEventLog: EventLog {
    private let configuration: PostgresBackboneConfiguration
    private let logger: Logger
    private let metrics: MetricsRegistry
    private let refused: Counter
    private let queue = Monitor(AppendQueue())
    private let wake: WakeSender
    private let connected = Atomic<Int>(0)
    private let ended: Latch
    private let cancellers = [Canceller(), Canceller()]

    /// How often a connection that is idle is looked after.
    private static let idleCheck: Duration = .seconds(1)

    public init(_ configuration: PostgresBackboneConfiguration, logger: Logger, metrics: MetricsRegistry) {
        self.configuration = configuration
        self.logger = logger
        self.metrics = metrics
        refused = metrics.counter(
            "fanfare_event_log_refused_total", "Events that the store cannot hold and that were refused.")
        wake = WakeSender(topic: Topic.events, logger: logger)
        ended = Latch(cancellers.count)
        metrics.observedGauge(
            "fanfare_event_log_waiting", "Events that wait to be appended.",
            read: { [queue] in Double(queue.withLock(\.events)) })
    }

    public var isReady: Bool { connected.load(ordering: .relaxed) > 0 }

    public func run() async throws {
        for (number, canceller) in cancellers.enumerated() {
            NamedThread.start("pg-append-\(number)") { [self] in
                serve(number, canceller)
                ended.countDown()
            }
        }
        await withTaskCancellationHandler {
            await ended.wait()
        } onCancel: {
            giveUp()
        }
    }

    public func shutdown() async {
        queue.update(ringing: .reader) { $0.isClosed = true }
        await ended.wait()
    }

    private func giveUp() {
        let left = queue.update(ringing: .reader) { queue in
            queue.isClosed = true
            return queue.takeAll()
        }
        for canceller in cancellers { canceller.cancel() }
        for request in left { request.answer(.failure(BackboneError(.stopped, "the log was given up"))) }
    }

    public func append(_ events: [NewEvent], completion: @escaping @Sendable (AppendAnswer) -> Void) {
        let bytes = events.reduce(0) { $0 + $1.envelope.count }
        let request = AppendRequest(events, bytes: bytes, completion: completion)
        let refusal = queue.update(ringing: .anyReader) { queue -> BackboneError? in
            if queue.isClosed { return BackboneError(.stopped, "the log is shut down") }
            guard queue.add(request, configuration.appending) else {
                return BackboneError(.overloaded, "\(queue.events) events wait to be appended")
            }
            return nil
        }
        if let refusal { request.answer(.failure(refusal)) }
    }

    // MARK: The appenders' threads

    private func serve(_ number: Int, _ canceller: Canceller) {
        var database = configuration.database
        database.statementTimeout = configuration.appending.patience
        database.lockTimeout = configuration.appending.patience
        database.connectTimeout = configuration.appending.patience
        let connection = BlockingConnection(
            database, name: "append-\(number)", logger: logger, metrics: metrics, canceller: canceller)
        let appender = Appender(configuration, connection: connection, logger: logger, refused: refused, wake: wake)
        var isCounted = false
        defer { if isCounted { connected.wrappingSubtract(1, ordering: .relaxed) } }
        while true {
            if !connection.isConnected { warmUp(connection) }
            if connection.isConnected != isCounted {
                isCounted.toggle()
                connected.wrappingAdd(isCounted ? 1 : -1, ordering: .relaxed)
            }
            let patience = connection.isConnected ? Self.idleCheck : max(connection.reconnectDelay, .milliseconds(10))
            // What would fail at once here is the other connection's, while that one stands.
            let leavesWork = !connection.isConnected && connected.load(ordering: .relaxed) > 0
            let deadline = min(.now + patience, wake.due ?? .now + patience)
            switch leavesWork ? rest(until: deadline) : next(until: deadline) {
            case .requests(let requests): appender.append(requests)
            case .nothing: look(after: connection)
            case .closed: return
            }
            wake.sendIfDue(on: connection)
        }
    }

    private enum Next {
        case requests([AppendRequest])
        case nothing
        case closed
    }

    private func rest(until deadline: ContinuousClock.Instant) -> Next {
        queue.wait(until: deadline) { $0.isEmpty && $0.isClosed ? .closed : nil } ?? .nothing
    }

    private func next(until deadline: ContinuousClock.Instant) -> Next {
        let bounds = configuration.appending
        var late: [AppendRequest] = []
        let next = queue.wait(until: deadline) { queue -> Next? in
            late = queue.takeOlder(than: .now - bounds.patience)
            if queue.isEmpty { return queue.isClosed ? .closed : late.isEmpty ? nil : .nothing }
            return .requests(queue.take(bounds))
        }
        for request in late {
            request.answer(.failure(BackboneError(.unavailable, "the store did not get to it in time")))
        }
        return next ?? .nothing
    }

    /// Connects and has the statement planned, so that the first request does not wait for it.
    private func warmUp(_ connection: BlockingConnection) {
        do {
            try connection.connect()
            try connection.execute(
                AppendStatement.statement,
                AppendStatement.parameters(EventColumns(), window: configuration.dedupeWindow))
        } catch {
            // What waits is refused by the call it gets, and the connection's backoff brings us back.
            logger.debug("append connection is not warm", ["reason": .describing(error)])
        }
    }

    private func look(after connection: BlockingConnection) {
        guard connection.isConnected else { return }
        do {
            try connection.connect()
        } catch {
            logger.warning("the log is away", ["reason": .describing(error)])
        }
    }
}
