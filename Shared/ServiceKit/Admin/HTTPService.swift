public import HTTPServer
internal import Synchronization

/// An HTTP server as a service: it listens once there is something to serve with, and when stopped takes nothing new and waits
/// for what it has begun.
public final class HTTPService: Service {
    public let name: String
    private let server: HTTPServer
    private let drain: Duration
    private let isReady: @Sendable () -> Bool
    private let ending: @Sendable () -> Void
    private let isOpen = Atomic<Bool>(false)

    /// How long a port stays closed for want of what stands behind it: then answers of 503 tell more than refused connections.
    private static let patience: Duration = .seconds(5)
    private static let look: Duration = .milliseconds(20)

    /// - Parameters:
    ///   - drain: how long requests in flight may take to end.
    ///   - isReady: whether requests can be served. A balancer that only looks whether a port is open sends them as soon as it
    ///     is.
    ///   - ending: called before the server stops, for what does not end by itself.
    public init(
        _ name: String, _ server: HTTPServer, drain: Duration = .seconds(10),
        when isReady: @escaping @Sendable () -> Bool = { true }, ending: @escaping @Sendable () -> Void = {}
    ) {
        self.name = name
        self.server = server
        self.drain = drain
        self.isReady = isReady
        self.ending = ending
    }

    /// Whether the port is open: a condition of readiness.
    public var isListening: Bool { isOpen.load(ordering: .relaxed) }

    /// Answers close their connections from here on: a client, or a balancer that keeps connections, comes back on a new one,
    /// and finds another process.
    public func willStop() { server.beginDrain() }

    public func run(until stop: ShutdownSignal) async throws {
        let deadline = ContinuousClock.now + Self.patience
        while !isReady(), ContinuousClock.now < deadline, !stop.isRequested {
            try await ContinuousClock().sleep(for: Self.look)
        }
        guard !stop.isRequested else { return }
        try server.start()
        isOpen.store(true, ordering: .relaxed)
        try await serve(until: stop)
    }

    /// For a server that has been started.
    func serve(until stop: ShutdownSignal) async throws {
        let (server, drain, ending) = (server, drain, ending)
        try await NamedService(
            name, run: { await server.run() },
            shutdown: {
                ending()
                await server.shutdown(deadline: drain)
            }
        ).run(until: stop)
    }
}

extension HTTPServerConfiguration {
    /// Takes the address of a setting; `localhost` is 127.0.0.1.
    public mutating func listen(on address: HostPort) {
        self.address = address.host == "localhost" ? "127.0.0.1" : address.host
        port = UInt16(address.port)
    }

    /// What the settings `http.…` say, listening on `address`.
    public init(_ configuration: Configuration, listen address: HostPort) {
        self.init()
        listen(on: address)
        maxConnections = configuration[Settings.httpConnections]
        headerDeadline = configuration[Settings.httpHeadTimeout]
        requestDeadline = configuration[Settings.httpBodyTimeout]
        idleTimeout = configuration[Settings.httpIdleTimeout]
    }
}
