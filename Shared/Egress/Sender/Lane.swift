internal import CCurl

/// One multi handle with its pool of connections. libcurl walks the pool for each request, so a worker has many small
/// ones and an endpoint always uses the same.
final class Lane {
    let number: Int
    unowned let worker: EgressWorker
    /// When libcurl wants to be called, by `MonotonicTime`.
    var deadline = Int64.max
    /// Whether it stands in the worker's list of lanes to be called now.
    var isDue = false
    var flights: [Flight] = []
    /// When it was last used, by `MonotonicTime`.
    private(set) var usedAt: Int64 = 0

    private var multi: UnsafeMutableRawPointer?
    private var resting: [Flight] = []
    private var pooledConnections = 0

    /// How many resting handles are looked through for the one that knows the way.
    private static let searched = 16
    /// Handles that rest at most (5–6 KB each); the rest is freed. Far below what is in flight, each exchange would make
    /// a handle of its own.
    private static let restingLimit = 512

    init(number: Int, worker: EgressWorker) {
        self.number = number
        self.worker = worker
    }

    /// The multi handle, made when it is first needed: an unused lane costs nothing.
    private func openMulti() -> UnsafeMutableRawPointer? {
        if let multi { return multi }
        guard let multi = curl_multi_init() else { return nil }
        let own = Unmanaged.passUnretained(self).toOpaque()
        curl_multi_set_socket_function(multi, laneWatchesSocket, own)
        curl_multi_set_timer_function(multi, laneSetsTimer, own)
        curl_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_NOTHING))
        self.multi = multi
        pooledConnections = 0
        return multi
    }

    /// Begins an exchange; false if the system is out of memory.
    func start(_ pending: PendingExchange, addresses: ArraySlice<IPAddress>) -> Bool {
        guard let multi = openMulti(), let flight = restingFlight(for: pending.exchange.target) else { return false }
        usedAt = worker.now
        flight.board(pending, addresses: addresses)
        flight.slot = flights.count
        flights.append(flight)
        fitPool(multi)
        curl_multi_add_handle(multi, flight.easy)
        return true
    }

    private func restingFlight(for target: TargetURL) -> Flight? {
        var index = resting.count - 1
        let end = max(0, resting.count - Self.searched)
        while index >= end {
            if resting[index].lastWent(to: target) {
                resting.swapAt(index, resting.count - 1)
                break
            }
            index -= 1
        }
        return resting.popLast() ?? Flight(worker: worker)
    }

    /// libcurl's cap counts the connections in use: with a fixed one, a busy lane would close each connection after use.
    private func fitPool(_ multi: UnsafeMutableRawPointer) {
        let wanted = flights.count + worker.idleConnectionsPerLane
        guard wanted > pooledConnections || wanted < pooledConnections / 2 else { return }
        // Some room, so that this is not done for each exchange.
        pooledConnections = wanted + wanted / 4
        curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, pooledConnections)
    }

    /// Tells libcurl that a socket is ready; `descriptor` nil: that time has passed.
    func act(_ descriptor: Int32?, events: Int32) {
        guard let multi else { return }
        var running: Int32 = 0
        if descriptor == nil { deadline = .max }
        curl_multi_socket_action(multi, descriptor ?? CURL_SOCKET_TIMEOUT, events, &running)
        if Int(running) < flights.count { collect(multi) }
    }

    private func collect(_ multi: UnsafeMutableRawPointer) {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle,
                let data = curl_get_private(easy)
            else { continue }
            let code = message.pointee.data.result
            finish(Unmanaged<Flight>.fromOpaque(data).takeUnretainedValue(), code, multi)
        }
    }

    private func finish(_ flight: Flight, _ code: CURLcode, _ multi: UnsafeMutableRawPointer) {
        let ending = flight.ending(code)
        let failure = ending.failure
        if failure == .connect || failure == .timeoutConnect, worker.mayGoOn(flight), flight.takeNextAddress() {
            curl_multi_remove_handle(multi, flight.easy)
            curl_multi_add_handle(multi, flight.easy)
            return
        }
        if flight.hasAlternatives, flight.openedConnection, flight.requestsSent > 0 { worker.connected(flight) }
        end(flight, failure.map { .failure($0) } ?? .status(flight.answer.status), code, multi)
    }

    private func end(
        _ flight: Flight, _ outcome: ExchangeResult.Outcome, _ code: CURLcode?, _ multi: UnsafeMutableRawPointer
    ) {
        let last = flights.removeLast()
        if last !== flight {
            flights[flight.slot] = last
            last.slot = flight.slot
        }
        // The times are read from the handle, which forgets them as it leaves.
        let result = flight.land(outcome, code: code)
        curl_multi_remove_handle(multi, flight.easy)
        if resting.count < Self.restingLimit { resting.append(flight) }
        worker.ended(result)
    }

    /// Ends the exchanges that `isMeant` chooses, as cancelled.
    func cancel(_ isMeant: (UInt64) -> Bool) {
        guard let multi else { return }
        for flight in flights where flight.pending.map({ isMeant($0.exchange.token) }) == true {
            end(flight, .failure(.cancelled), nil, multi)
        }
    }

    /// Closes the pool of a lane that nothing flies on: libcurl looks at idle connections only when another exchange
    /// begins.
    func closePool() {
        guard flights.isEmpty, let multi else { return }
        curl_multi_cleanup(multi)
        self.multi = nil
        deadline = .max
        resting = []
    }

    var hasPool: Bool { multi != nil }
}
