internal import Egress
public import EventModel
public import Observability
internal import Synchronization

/// Records spans and sends them to an OpenTelemetry collector over HTTP, as JSON.
///
/// Off until it is given a collector. Nothing waits for it: spans gather in a bounded queue, batches go out from a task of its
/// own, and what does not fit or is refused is counted and forgotten.
///
/// ```swift
/// let tracer = try Tracer(configuration, service: "fanfare-ingest", version: "1", metrics: registry)
/// if let trace = tracer.adopt(request.headers["traceparent"]) { … tracer.record(TraceSpan("accept", …)) }
/// await tracer.run()       // until shutdown()
/// ```
public final class Tracer: Sendable {
    public struct Configuration: Sendable {
        /// Where spans are posted: the whole URL, `http://collector:4318/v1/traces`. Nil: tracing is off.
        public var collector: String?
        /// How many of the events that came without a sampled trace begin one, from 0 to 1.
        public var share: Double
        /// Spans that wait at most.
        public var capacity = 8_192
        /// Spans of one request.
        public var batch = 512
        /// How long spans wait for a batch to fill.
        public var interval: Duration = .seconds(1)
        public var timeout: Duration = .seconds(5)

        public init(collector: String?, share: Double) {
            self.collector = collector
            self.share = share
        }
    }

    private let configuration: Configuration
    private let service: String
    private let version: String
    private let target: TargetURL?
    private let queue: SpanQueue
    private let exported: Counter
    private let dropped: Counter
    private let failed: Counter
    private let logger: LimitedLogger

    private static let headers = Array("Content-Type: application/json".utf8)
    /// The collector stands inside: any address and port will do.
    private static let policy = AddressPolicy(allowsPrivateTargets: true, allowsPlainHTTP: true, deniedPorts: [])

    /// - Throws: a text that says what is wrong with the collector's URL.
    public init(
        _ configuration: Configuration, service: String, version: String, logger: Logger, metrics: MetricsRegistry
    ) throws(TracingError) {
        self.configuration = configuration
        self.service = service
        self.version = version
        self.logger = logger.limited()
        if let collector = configuration.collector {
            do {
                target = try TargetURL(collector, policy: Self.policy)
            } catch {
                throw TracingError("the collector's URL is refused: \(error.message)")
            }
        } else {
            target = nil
        }
        queue = SpanQueue(capacity: configuration.capacity, batch: configuration.batch)
        func counter(_ result: String) -> Counter {
            metrics.counter(
                "fanfare_trace_spans_total", "Spans by what became of them on their way to the collector.",
                labels: [("result", result)])
        }
        exported = counter("exported")
        dropped = counter("dropped")
        failed = counter("failed")
    }

    /// Whether spans are recorded at all.
    public var isOn: Bool { target != nil }

    /// The trace of an event that came in with this header: the caller's, with a span of ours in it, or a new one where our
    /// share says so. Nil: the event has none.
    ///
    /// - Returns: the trace that the event's record carries, and the caller's span.
    public func adopt(_ traceparent: String?) -> (trace: EventTrace, parent: UInt64)? {
        if let traceparent, let caller = TraceContext(traceparent: traceparent.utf8) {
            return (EventTrace(caller.child()), caller.span)
        }
        guard isOn, configuration.share > 0, Double.random(in: 0..<1) < configuration.share else { return nil }
        return (EventTrace(TraceContext.root(sampled: true)), 0)
    }

    /// A span of the same trace.
    public static func child(of trace: EventTrace) -> EventTrace {
        var child = trace
        child.span = .random(in: 1...UInt64.max)
        return child
    }

    /// Takes a span, if tracing is on and its trace is sampled. Never waits.
    public func record(_ span: @autoclosure () -> TraceSpan, of trace: EventTrace) {
        guard isOn, trace.isSampled else { return }
        if !queue.add(span()) { dropped.increment() }
    }

    /// Exports until `shutdown`, and then what is left, once.
    public func run() async {
        guard let target else { return await queue.waitForClose() }
        // Not among the deliveries: its requests have a client and metrics of their own, which nobody reads.
        let metrics = MetricsRegistry()
        let resolver = Resolver(metrics: metrics)
        let client = HTTPClient(policy: Self.policy, resolver: resolver, metrics: metrics)
        await withDiscardingTaskGroup { group in
            group.addTask { await self.tick() }
            while !queue.isClosed, !Task.isCancelled {
                await queue.waitForBatch()
                await export(to: target, client)
            }
            await export(to: target, client)
            group.cancelAll()
        }
        client.stop()
        resolver.stop()
    }

    /// Takes nothing more and lets `run` return.
    public func shutdown() { queue.close() }

    private func tick() async {
        while (try? await ContinuousClock().sleep(for: configuration.interval)) != nil { queue.wake() }
    }

    private func export(to target: TargetURL, _ client: HTTPClient) async {
        while true {
            let spans = queue.take()
            guard !spans.isEmpty else { return }
            let result = await client.send(
                Exchange(
                    token: 0, target: target, headers: HeaderBlock(lines: Self.headers),
                    body: SpanText.write(spans, service: service, version: version),
                    timeoutMilliseconds: Int32(clamping: configuration.timeout.components.seconds * 1_000)))
            if case .status(let status) = result.outcome, (200..<300).contains(status) {
                exported.increment(by: spans.count)
            } else {
                failed.increment(by: spans.count)
                logger.warning("spans not exported", ["outcome": .describing(result.outcome)])
            }
        }
    }
}

/// What is wrong with the settings of tracing.
public struct TracingError: Error, Sendable, CustomStringConvertible {
    public let message: String

    init(_ message: String) { self.message = message }

    public var description: String { message }
}
