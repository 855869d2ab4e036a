internal import CMicroHTTPD
internal import Glibc

/// What other threads, clients that leave, and the clock make the loop do.
extension LoopState {
    func apply(_ command: Command) {
        switch command {
        case .respond(let id, let response):
            guard let exchange = exchanges[id], case .held = exchange.phase else { return response.abandon() }
            exchange.answer = response
            unwatch(exchange)
            resume(exchange)
        case .watch(let id):
            if let exchange = exchanges[id], case .held = exchange.phase, exchange.answer == nil { watch(exchange) }
        case .continueStream(let id):
            if let exchange = exchanges[id] { resume(exchange) }
        case .cutStream(let id):
            if let exchange = exchanges[id] { cut(exchange) }
        case .drain: isDraining = true
        case .stop(let deadline): stop(by: deadline)
        }
    }

    func resume(_ exchange: Exchange) {
        guard exchange.isSuspended else { return }
        exchange.isSuspended = false
        MHD_resume_connection(exchange.connection)
    }

    func watch(_ exchange: Exchange) {
        guard !exchange.isWatched else { return }
        exchange.isWatched = true
        hangups.add(exchange.socket, exchange.id)
    }

    func unwatch(_ exchange: Exchange) {
        guard exchange.isWatched else { return }
        exchange.isWatched = false
        hangups.remove(exchange.socket)
    }

    func takeHangups() {
        for id in hangups.hangups() {
            if let exchange = exchanges[id] { cut(exchange) }
        }
    }

    /// Closes the connection of a request that waits for its answer, or of a stream.
    private func cut(_ exchange: Exchange) {
        if let stream = exchange.stream {
            stream.closedByLoop()
        } else {
            guard case .held = exchange.phase, exchange.answer == nil else { return }
            exchange.phase = .cut
            exchange.responder?.ended()
        }
        // Closing what the library watches makes it look; resuming makes it call us, and we refuse to go on.
        shutdown(exchange.socket, Int32(SHUT_RDWR))
        resume(exchange)
    }

    // MARK: - Deadlines

    /// Cuts what has taken too long.
    func sweep() {
        var overdue: [Connection] = []
        connections.forEach { connection in
            if deadlines.isOver(connection, at: turnTime) { overdue.append(connection) }
        }
        tellOverdue(overdue)
        for connection in overdue {
            switch connection.phase {
            case .head, .body:
                metrics.refused(.deadline)
                // To a client in mid-request; nothing else is being sent then. Whether it arrives does not matter.
                _ = RawAnswer.send(HTTPError.requestTimeout.response(), to: connection.socket, isHead: false)
            case .answering: metrics.refused(.deadline)
            case .fresh, .idle, .handling, .ending: break
            }
            close(connection)
        }
    }

    /// Tells the handler of requests whose body did not come in time.
    private func tellOverdue(_ overdue: [Connection]) {
        guard !overdue.isEmpty else { return }
        let ids = Set(overdue.map(\.id))
        var late: [Exchange] = []
        exchanges.forEach { exchange in
            if case .receiving = exchange.phase, ids.contains(exchange.connectionID) { late.append(exchange) }
        }
        for exchange in late { tellRefused(exchange, HTTPError.requestTimeout.status) }
    }

    /// Makes the library close a connection: it notices in its next turn.
    private func close(_ connection: Connection) {
        connections.update(connection.id) { $0.phase = .ending }
        shutdown(connection.socket, Int32(SHUT_RDWR))
    }

    // MARK: - The end

    private func stop(by deadline: UInt64) {
        stopDeadline = min(stopDeadline ?? .max, deadline)
        guard !isStopping else { return }
        isStopping = true
        isDraining = true
        // Who was let in by the kernel already is let in here too, instead of being reset with the socket.
        if let daemon { MHD_run(daemon) }
        let socket = MHD_quiesce_daemon(daemon)
        if socket >= 0 { Glibc.close(socket) }
        exchanges.forEach { $0.stream?.end() }
    }

    /// How long a new connection may take to bring its request while the server stops, nanoseconds.
    private static let freshGrace: UInt64 = 250_000_000

    /// Called at the end of each turn, when the library has read what had arrived.
    func isFinished() -> Bool {
        guard let stopDeadline else { return false }
        var idle: [Connection] = []
        var isWaiting = false
        connections.forEach { connection in
            switch connection.phase {
            // Its request is on the way: a client that is cut off here cannot know whether it was served.
            case .fresh where turnTime < connection.since &+ LoopState.freshGrace: isWaiting = true
            case .fresh, .idle: idle.append(connection)
            case .head, .body, .handling, .answering, .ending: break
            }
        }
        for connection in idle { close(connection) }
        exchanges.forEach { exchange in
            if case .lingering = exchange.phase { return }
            isWaiting = true
        }
        return !isWaiting || turnTime >= stopDeadline
    }

    /// Closes everything that is left; a suspended connection would make the library panic.
    func tearDown(_ daemon: OpaquePointer) {
        loop.close()
        exchanges.forEach { exchange in
            if case .held = exchange.phase { exchange.phase = .cut }
            exchange.stream?.closedByLoop()
            resume(exchange)
        }
        MHD_stop_daemon(daemon)
        self.daemon = nil
    }
}

extension HTTPError {
    fileprivate static let requestTimeout = HTTPError(
        status: 408, code: "request_timeout", message: "the request took too long to arrive")
}
