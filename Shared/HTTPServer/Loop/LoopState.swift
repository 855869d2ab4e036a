internal import CLinux
internal import CMicroHTTPD
internal import Glibc
internal import Observability

/// One loop: a daemon of the library without a thread of its own, driven by the thread that made this.
///
/// The library's own epoll thread stalls for good when exactly 128 events come at once; under `MHD_run` in a loop of
/// ours it does not, and commands, deadlines and hang-ups get their turn. Made inside its thread, never leaves it.
final class LoopState {
    let configuration: HTTPServerConfiguration
    let handler: any RequestHandler
    let loop: EventLoop
    let log: LimitedLogger
    let deadlines: Deadlines
    let hangups: HangupWatch
    var metrics: LoopMetrics
    var connections = SlotMap<Connection>()
    var exchanges = SlotMap<Exchange>()
    var assembler = HeaderAssembler()
    /// Bytes of bodies in arrival.
    var bufferedBytes = 0
    /// Set by `handle`, cleared by `turnEnded`.
    var handledInTurn = false
    /// Monotonic nanoseconds, read once a turn.
    var turnTime: UInt64
    var isDraining = false
    var isStopping = false
    /// When to end at the latest, once stopping.
    var stopDeadline: UInt64?
    var daemon: OpaquePointer?
    private var nextSweep: UInt64 = 0

    init(
        configuration: HTTPServerConfiguration, handler: any RequestHandler, loop: EventLoop, logger: Logger,
        metrics: ServerMetrics
    ) throws(HTTPServerError) {
        self.configuration = configuration
        self.handler = handler
        self.loop = loop
        log = logger.limited()
        deadlines = Deadlines(configuration)
        hangups = try HangupWatch()
        self.metrics = LoopMetrics(metrics)
        turnTime = MonotonicClock.now()
    }

    /// Starts the daemon on a listening socket, which is closed when this fails.
    func open(listening socket: Int32) throws(HTTPServerError) {
        DaemonCallbacks.installPanic()
        var settings = DaemonCallbacks.settings
        // Not retained: the daemon is stopped before `run` returns, and the thread holds this until then.
        settings.context = Unmanaged.passUnretained(self).toOpaque()
        settings.listen_socket = socket
        settings.pool_bytes = configuration.poolBytes
        settings.connection_limit = UInt32(clamping: configuration.maxConnections)
        settings.idle_timeout_seconds = UInt32(clamping: max(1, configuration.idleTimeout.components.seconds))
        guard let daemon = fanfare_mhd_start(&settings) else {
            close(socket)
            throw HTTPServerError(.resources, "the HTTP library did not start")
        }
        self.daemon = daemon
    }

    /// Turns until the server has been shut down, then closes everything.
    func run() {
        guard let daemon else { preconditionFailure("run() before open()") }
        var commands: [Command] = []
        var descriptors = [fanfare_mhd_epoll(daemon), loop.wakeUp, hangups.descriptor].map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        while true {
            let timeout = sleepTime(daemon)
            _ = poll(&descriptors, nfds_t(descriptors.count), timeout)
            turnTime = MonotonicClock.now()
            if descriptors[1].revents != 0 { loop.clearSignal() }
            loop.take(into: &commands)
            for command in commands { apply(command) }
            if descriptors[2].revents != 0 { takeHangups() }
            if turnTime >= nextSweep {
                nextSweep = turnTime + deadlines.sweepInterval
                sweep()
            }
            MHD_run(daemon)
            if handledInTurn {
                handledInTurn = false
                handler.turnEnded()
            }
            if isFinished() { break }
        }
        commands = []
        tearDown(daemon)
    }

    /// Milliseconds to sleep: not at all while commands wait or the library has work, else until its next timeout or
    /// the next sweep.
    private func sleepTime(_ daemon: OpaquePointer) -> Int32 {
        var limit = connections.count == 0 ? LoopState.longestSleep : deadlines.sweepInterval / 1_000_000
        if let stopDeadline {
            // Rounded up: a loop that woke a moment early would turn without rest until the deadline.
            limit = min(limit, (stopDeadline > turnTime ? stopDeadline - turnTime : 0) / 1_000_000 + 1)
        }
        var milliseconds: UInt64 = 0
        if MHD_get_timeout(daemon, &milliseconds) == .YES { limit = min(limit, milliseconds) }
        guard limit > 0, loop.fallAsleep() else { return 0 }
        return Int32(limit)
    }

    /// The longest sleep without connections, milliseconds.
    private static let longestSleep: UInt64 = 1_000
}
