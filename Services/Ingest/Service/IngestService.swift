public import Backbone
public import EventModel
public import HTTPServer
public import Observability
public import Tracing

/// Every inbound door: verifies, normalises, makes the envelope's bytes once, appends, and answers when the log has
/// acknowledged. Keeps no state that matters.
///
///     let ingest = IngestService(log: log, directory: directory, metrics: metrics, logger: logger)
///     let server = HTTPServer(configuration: http, handler: ingest.router, …)
public struct IngestService: Sendable {
    public let router: Router
    private let queue: AppendQueue
    private let late: LateRequests

    /// - Parameters:
    ///   - inbound: What the doors for other people's webhooks stand on; its audit runs beside this service.
    ///   - tracer: Puts events in their senders' traces; nil: nobody does.
    ///   - pace: How long events gather between appends; nil: an append follows the other.
    public init(
        log: any EventLog, directory: any IngestDirectory, inbound: InboundSetup? = nil,
        clock: any WallClock = SystemClock(), pace: Pace? = nil, tracer: Tracer? = nil, metrics: MetricsRegistry,
        logger: Logger
    ) {
        var limits = AppendQueue.Limits()
        limits.pace = pace
        let queue = AppendQueue(log: log, limits: limits, metrics: metrics, logger: logger)
        let late = LateRequests()
        self.queue = queue
        self.late = late
        let hall = Hall(directory: directory, clock: clock, queue: queue, late: late, tracer: tracer)
        var table = RouteTable()
        let inbound = inbound ?? .none(clock: clock, metrics: metrics, logger: logger)
        for door in Self.doors(inbound) { door.addRoutes(to: &table, hall: hall) }
        WrongProcess.addRoutes(to: &table)
        table.onTurnEnded { queue.flush() }
        router = Router(table, logger: logger)
    }

    /// The registry: a new door is a line here.
    private static func doors(_ inbound: InboundSetup) -> [any Door] {
        [
            PublishDoor(), GenericDoor(gate: inbound.gate), ChannelDoor.make(book: inbound.book, gate: inbound.gate),
            TriggerDoor.make(endpoints: inbound.triggers, gate: inbound.gate),
            ProductDoor(tenants: inbound.products, book: inbound.book, gate: inbound.gate),
        ]
    }

    /// Appends what the doors accept until `shutdown`.
    public func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await late.run() }
            group.addTask { await queue.run() }
        }
    }

    /// Takes nothing more; `run` returns when what waits is answered. Called after the server has stopped accepting.
    public func shutdown() {
        late.close()
        queue.close()
    }
}
