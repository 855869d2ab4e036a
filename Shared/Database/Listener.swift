public import Observability

/// Hears notifications (LISTEN) on a connection and thread of its own, in about 0.1 ms.
///
/// Notifications are wake-ups, not data: those sent while there is no connection are lost. So `onReconnect` is called
/// each time listening begins, the first time too, and readers look once more then.
///
/// ```swift
/// let listener = Listener(configuration, channels: ["events"], name: "feed", logger: logger, metrics: registry) {
///     channel, payload in ring.wake()
/// } onReconnect: {
///     ring.wake()
/// }
/// await listener.run()
/// ```
public final class Listener: Sendable {
    private let configuration: DatabaseConfiguration
    private let channels: [String]
    private let name: String
    private let logger: Logger
    private let metrics: DatabaseMetrics
    private let onNotify: @Sendable (_ channel: String, _ payload: String) -> Void
    private let onReconnect: @Sendable () -> Void
    private let stop = Canceller()
    private let health = PoolHealth()

    /// - Parameters:
    ///   - channels: names of at most 63 bytes, in the case given.
    ///   - name: of the thread (`pg-<name>`) and in the metrics.
    ///   - onNotify: called on the listener's thread; must be quick.
    ///   - onReconnect: called on the listener's thread once listening is in force.
    public init(
        _ configuration: DatabaseConfiguration, channels: [String], name: String, logger: Logger,
        metrics registry: MetricsRegistry,
        onNotify: @escaping @Sendable (_ channel: String, _ payload: String) -> Void,
        onReconnect: @escaping @Sendable () -> Void
    ) {
        precondition(
            channels.allSatisfy { (1...63).contains($0.utf8.count) }, "a channel's name has 1 to 63 bytes")
        self.configuration = configuration
        self.channels = channels
        self.name = name
        self.logger = logger.with(["pool": .string(name)])
        self.metrics = DatabaseMetrics(registry, pool: name)
        self.onNotify = onNotify
        self.onReconnect = onReconnect
    }

    /// Whether it is listening.
    public var isListening: Bool { health.connected > 0 }

    /// Listens until the task is cancelled. To be called once.
    public func run() async {
        let ended = Latch()
        await withTaskCancellationHandler {
            NamedThread.start("pg-\(name)") { [self] in
                loop()
                ended.countDown()
            }
            await ended.wait()
        } onCancel: {
            stop.cancel()
        }
    }

    private func loop() {
        var backoff = Backoff()
        while !stop.isCancelled {
            do throws(DatabaseError) {
                let link = try Link.open(configuration, canceller: stop, logger: logger)
                try listen(link)
                backoff.succeeded()
                metrics.connects.increment()
                hear(link)
            } catch {
                if stop.isCancelled { return }
                backoff.failed(now: .now)
                metrics.count(error)
                logger.warning("listening failed", ["reason": .describing(error)])
                _ = Poll.wait(nil, canceller: stop.descriptor, until: .now + backoff.delay(now: .now))
            }
        }
    }

    private func listen(_ link: Link) throws(DatabaseError) {
        let commands = channels.map {
            "listen \"\($0.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\""))\";"
        }
        var watch = StatementWatch(deadline: .now + configuration.statementTimeout + DatabaseConfiguration.clientGrace)
        try link.script(commands.joined(), &watch)
    }

    /// Until the connection is lost or we are stopped.
    private func hear(_ link: Link) {
        health.changed(by: 1)
        metrics.connected.add(1)
        defer {
            health.changed(by: -1)
            metrics.connected.add(-1)
        }
        onReconnect()
        while true {
            for (channel, payload) in link.notifications() { onNotify(channel, payload) }
            if stop.isCancelled { return }
            if link.isLost {
                logger.warning("listening connection lost")
                return
            }
            _ = Poll.wait(link.socket, canceller: stop.descriptor, until: nil)
        }
    }
}
