internal import CLinux
internal import Glibc
public import Observability
internal import Synchronization

/// An HTTP/1.1 server: libmicrohttpd under event loops of our own, one named thread each.
///
/// ```swift
/// let server = HTTPServer(configuration: configuration, handler: Router(routes, logger: logger), logger: logger)
/// let port = try server.start()
/// try await server.run()          // until shutdown(deadline:), or until the task is cancelled
/// ```
public final class HTTPServer: Sendable {
    private enum Phase { case new, started, failed }

    private struct State {
        var phase = Phase.new
        var loops: [EventLoop] = []
    }

    private let configuration: HTTPServerConfiguration
    private let handler: any RequestHandler
    private let logger: Logger
    private let metrics: ServerMetrics
    private let state = Mutex(State())
    private let ended: Latch

    /// - Parameter metrics: where `fanfare_http_…` is counted; two servers may share one registry.
    public init(
        configuration: HTTPServerConfiguration, handler: any RequestHandler, logger: Logger,
        metrics: MetricsRegistry? = nil
    ) {
        self.configuration = configuration
        self.handler = handler
        self.logger = logger
        self.metrics = ServerMetrics(metrics)
        metrics?.gauge("fanfare_http_connections_limit", "Connections that are served at a time; more wait.").set(
            Double(configuration.maxConnections * configuration.loops))
        ended = Latch(count: max(1, configuration.loops))
    }

    /// Listens and starts the loop threads; requests are served from here on, tasks of the handler once `run` is called.
    ///
    /// For the whole process it ignores SIGPIPE and raises the soft limit of descriptors to what `maxConnections` needs.
    /// A server that was started ends by `shutdown` or a cancelled `run` only; its threads outlive this object.
    ///
    /// - Returns: the port, which is a free one where the configuration says 0.
    /// - Throws: nothing is left running then.
    @discardableResult
    public func start() throws(HTTPServerError) -> UInt16 {
        try configuration.validate()
        let isFirst = state.withLock { state in
            defer { if state.phase == .new { state.phase = .started } }
            return state.phase == .new
        }
        guard isFirst else { throw HTTPServerError(.alreadyStarted, "the server has been started before") }
        signal(SIGPIPE, SIG_IGN)
        let needed = configuration.maxConnections * configuration.loops + HTTPServer.otherDescriptors
        let allowed = DescriptorLimit.raise(to: needed)
        if allowed < needed {
            logger.warning("http-descriptors-short", ["allowed": .int(allowed), "needed": .int(needed)])
        }
        var port = configuration.port
        do {
            for index in 0..<configuration.loops {
                let socket = try ListenSocket.open(
                    address: configuration.address, port: port, backlog: configuration.backlog,
                    shared: configuration.loops > 1)
                port = socket.port
                try startLoop(index, socket.descriptor)
            }
        } catch {
            let loops = state.withLock { state in
                state.phase = .failed
                return state.loops
            }
            for loop in loops { loop.post(.stop(deadline: 0)) }
            for _ in loops.count..<configuration.loops { ended.arrive() }
            throw error
        }
        logger.info("http-listening", ["address": .string(configuration.address), "port": .int(Int(port))])
        return port
    }

    /// Serves until the server has been shut down; runs the handler's own work meanwhile. Cancelling the task shuts
    /// the server down without waiting for requests in flight.
    public func run() async {
        let handler = handler
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                group.addTask { await handler.run() }
                await ended.wait()
                group.cancelAll()
            }
        } onCancel: {
            post(.stop(deadline: 0))
        }
    }

    /// From now on every answer closes its connection; new connections are still taken, for a balancer needs a while
    /// to notice that this process is about to end.
    public func beginDrain() { post(.drain) }

    /// Stops listening, ends streams, closes idle connections, waits for requests in flight until the deadline, cuts
    /// what is left then, and returns when all threads have ended.
    public func shutdown(deadline: Duration) async {
        let wasStarted = state.withLock { $0.phase != .new }
        guard wasStarted else { return }
        post(.stop(deadline: MonotonicClock.now() &+ deadline.nanoseconds))
        await ended.wait()
    }

    /// Descriptors that the rest of the process may need beside connections.
    private static let otherDescriptors = 1_024

    private func post(_ command: Command) {
        for loop in state.withLock(\.loops) { loop.post(command) }
    }

    private func startLoop(_ index: Int, _ socket: Int32) throws(HTTPServerError) {
        let loop: EventLoop
        let gate: StartGate
        do {
            loop = try EventLoop()
            gate = try StartGate()
        } catch {
            close(socket)
            throw error
        }
        let (configuration, handler, logger, metrics, ended) = (configuration, handler, logger, metrics, ended)
        do throws(HTTPServerError) {
            try LoopThread.start(name: "\(configuration.threadName)-\(index)") {
                do throws(HTTPServerError) {
                    let loopState = try LoopState(
                        configuration: configuration, handler: handler, loop: loop, logger: logger, metrics: metrics)
                    try loopState.open(listening: socket)
                    gate.open(nil)
                    loopState.run()
                    ended.arrive()
                } catch {
                    gate.open(error)
                }
            }
        } catch {
            close(socket)
            throw error
        }
        if let error = gate.wait() { throw error }
        state.withLock { $0.loops.append(loop) }
    }
}
