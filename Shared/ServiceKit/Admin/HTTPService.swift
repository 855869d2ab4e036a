public import HTTPServer

/// An HTTP server as a service: when stopped it takes nothing new and waits for what it has begun.
public struct HTTPService: Service {
    public let name: String
    private let server: HTTPServer
    private let drain: Duration

    /// - Parameter drain: how long requests in flight may take to end.
    public init(_ name: String, _ server: HTTPServer, drain: Duration = .seconds(10)) {
        self.name = name
        self.server = server
        self.drain = drain
    }

    public func run(until stop: ShutdownSignal) async throws {
        try server.start()
        try await serve(until: stop)
    }

    /// For a server that has been started.
    func serve(until stop: ShutdownSignal) async throws {
        let (server, drain) = (server, drain)
        try await NamedService(name, run: { await server.run() }, shutdown: { await server.shutdown(deadline: drain) })
            .run(until: stop)
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
