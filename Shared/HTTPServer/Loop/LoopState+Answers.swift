internal import CMicroHTTPD
internal import Glibc
internal import Observability

/// From an answer to its last byte.
extension LoopState {
    /// The library calls again after a resumption: the answer is there, or the request is over.
    func answer(_ exchange: Exchange) -> MHD_Result {
        guard let response = exchange.answer else { return .NO }
        exchange.answer = nil
        return queue(response, for: exchange)
    }

    /// Hands an answer to the library.
    func queue(_ response: Response, for exchange: Exchange) -> MHD_Result {
        guard let prepared = prepare(response, for: exchange) ?? prepareFailure(response, exchange) else { return .NO }
        defer { MHD_destroy_response(prepared.response) }
        metrics.answered(
            exchange.match, status: prepared.status, nanoseconds: MonotonicClock.now() - exchange.receivedAt)
        exchange.phase = .answering
        exchange.match = nil
        // A stream's own end has no deadline; its queue is bounded and silence is ended by the library.
        enter(exchange.stream == nil ? .answering : .handling, exchange.connectionID, at: turnTime)
        return MHD_queue_response(exchange.connection, UInt32(prepared.status), prepared.response)
    }

    private typealias Prepared = (response: OpaquePointer, status: Int)

    /// - Returns: nil for an answer that cannot be sent, which only a mistake in a handler makes.
    private func prepare(_ response: Response, for exchange: Exchange) -> Prepared? {
        guard 200...599 ~= response.status, let made = makeBody(response, exchange) else { return nil }
        var isComplete = true
        for field in response.headers {
            // The library takes this one and sends the body in chunks, whatever it is.
            let isOurs = ASCII.equalIgnoringCase(field.name.utf8, "transfer-encoding")
            isComplete = !isOurs && MHD_add_response_header(made, field.name, field.value) == .YES && isComplete
        }
        if isDraining || response.closesConnection {
            isComplete = MHD_add_response_header(made, "Connection", "close") == .YES && isComplete
        }
        guard isComplete else {
            MHD_destroy_response(made)
            return nil
        }
        return (made, response.status)
    }

    private func prepareFailure(_ response: Response, _ exchange: Exchange) -> Prepared? {
        log.error(
            "an answer could not be sent: its status or a header is not allowed", ["status": .int(response.status)])
        exchange.stream?.closedByLoop()
        exchange.stream = nil
        response.abandon()
        return prepare(HTTPError.internalError().response(), for: exchange)
    }

    private func makeBody(_ response: Response, _ exchange: Exchange) -> OpaquePointer? {
        let isBodiless = response.status == 204 || response.status == 304
        switch response.body {
        case .bytes(let bytes) where !isBodiless && !bytes.isEmpty:
            return bytes.withUnsafeBytes { bytes in
                // Copied; the library never writes to it although its signature does not say so.
                MHD_create_response_from_buffer(
                    bytes.count, UnsafeMutableRawPointer(mutating: bytes.baseAddress), .RESPMEM_MUST_COPY)
            }
        case .stream(let stream) where !isBodiless && !exchange.isHead:
            return makeStream(stream, exchange)
        case .stream(let stream):
            // The library answers HEAD of a stream with an end of chunks that nobody expects.
            stream.abandoned()
            return MHD_create_response_from_buffer(0, nil, .RESPMEM_PERSISTENT)
        case .bytes, .empty:
            return MHD_create_response_from_buffer(0, nil, .RESPMEM_PERSISTENT)
        }
    }

    private func makeStream(_ stream: ResponseStream, _ exchange: Exchange) -> OpaquePointer? {
        guard stream.attach(to: loop, exchange.id) else { return nil }
        exchange.stream = stream
        watch(exchange)
        let context = Unmanaged.passRetained(exchange).toOpaque()
        guard
            let response = MHD_create_response_from_callback(
                .max, LoopState.streamBlockBytes, DaemonCallbacks.streamReader, context,
                DaemonCallbacks.releaseExchange)
        else {
            Unmanaged<Exchange>.fromOpaque(context).release()
            return nil
        }
        return response
    }

    /// Answers before the body has come: sends the answer on the socket, then drops up to `limit` bytes of the body.
    ///
    /// An answer queued here would close the connection under a client that is still writing, and the reset would
    /// take the answer with it (RFC 9112 §9.6).
    func answerEarly(_ response: Response, _ exchange: Exchange, discarding limit: Int) -> MHD_Result {
        exchange.intake = .linger(limit: limit)
        enter(.body, exchange.connectionID, at: exchange.receivedAt)
        return sendPastLibrary(response, exchange)
    }

    /// Sends an answer on the socket itself, nothing else being under way there, and closes our side of it.
    func sendPastLibrary(_ response: Response, _ exchange: Exchange) -> MHD_Result {
        metrics.answered(
            exchange.match, status: response.status, nanoseconds: MonotonicClock.now() - exchange.receivedAt)
        exchange.phase = .lingering
        return RawAnswer.send(response, to: exchange.socket, isHead: exchange.isHead) ? .YES : .NO
    }

    /// The request is over, answered or not; the library says so for failed ones too.
    func requestEnded(_ id: SlotID) {
        guard let exchange = exchanges.remove(id) else { return }
        unwatch(exchange)
        releaseBody(exchange)
        switch exchange.phase {
        case .held, .cut: metrics.refused(.disconnect)
        case .head, .receiving, .refused:
            // One that was cut at its deadline is counted already.
            if let connection = connections[exchange.connectionID], case .ending = connection.phase { break }
            metrics.refused(.incomplete)
        case .lingering, .answering: break
        }
        exchange.answer?.abandon()
        exchange.responder?.ended()
        exchange.stream?.closedByLoop()
        // The free callback of a stream's answer holds the exchange until the library lets go of it.
        exchange.stream = nil
        exchange.responder = nil
        enter(.idle, exchange.connectionID, at: turnTime)
    }

    /// What the library keeps for a stream to clients that know no chunks, bytes.
    private static let streamBlockBytes = 512
}
