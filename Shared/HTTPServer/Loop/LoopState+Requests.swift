internal import CMicroHTTPD
internal import Glibc

/// From a connection's opening to a request's being handed to its handler.
extension LoopState {
    func connectionOpened(_ connection: OpaquePointer) -> SlotID {
        metrics.connectionOpened()
        let socket = fanfare_mhd_socket(connection)
        let peer = fanfare_mhd_peer(connection).map(PeerAddress.init) ?? .unknown
        return connections.insert { Connection(id: $0, socket: socket, peer: peer, since: MonotonicClock.now()) }
    }

    func connectionClosed(_ id: SlotID) {
        guard connections.remove(id) != nil else { return }
        metrics.connectionClosed()
    }

    /// The request line is there. The raw target is seen only here: later the library decodes it in place.
    func requestBegan(_ connection: OpaquePointer, target: UnsafePointer<CChar>) -> SlotID {
        let connectionID = SlotID(fanfare_mhd_socket_context(connection))
        let now = MonotonicClock.now()
        let bytes = UnsafeRawBufferPointer(start: target, count: strlen(target))
        let checked: Result<String, HTTPError>
        do {
            try RequestLine.checkTarget(bytes, limit: configuration.maxHeaderBytes)
            checked = .success(String(decoding: bytes, as: UTF8.self))
        } catch {
            checked = .failure(error)
        }
        let socket = fanfare_mhd_socket(connection)
        let id = exchanges.insert {
            Exchange(
                id: $0, connectionID: connectionID, connection: connection, socket: socket, receivedAt: now,
                target: checked, targetPlace: bytes)
        }
        enter(.head, connectionID, at: now)
        return id
    }

    /// The library's one call for everything: the head, each piece of the body, the end, and after each resumption.
    ///
    /// - Parameter left: bytes of `piece` that were not taken; always set to 0, for what is left without suspending
    ///   stalls the connection.
    func access(
        _ id: SlotID, method: UnsafePointer<CChar>, version: UnsafePointer<CChar>, piece: UnsafeRawBufferPointer,
        left: inout Int
    ) -> MHD_Result {
        guard let exchange = exchanges[id] else { return .NO }
        left = 0
        switch exchange.phase {
        case .head: return admit(exchange, method: method, version: version)
        case .receiving where piece.isEmpty: return deliver(exchange)
        case .refused(let response) where piece.isEmpty: return queue(response, for: exchange)
        case .receiving, .refused: return receive(piece, exchange)
        case .lingering: return piece.isEmpty ? .NO : receive(piece, exchange)
        case .held: return answer(exchange)
        case .cut, .answering: return .NO
        }
    }

    private func admit(
        _ exchange: Exchange, method: UnsafePointer<CChar>, version: UnsafePointer<CChar>
    ) -> MHD_Result {
        let head: RequestHead
        let framing: HeaderAssembler.Framing
        do throws(HTTPError) {
            (head, framing) = try readHead(exchange, method: method, version: version)
        } catch {
            // Where such a request ends is anyone's guess: the answer closes the connection.
            metrics.refused(.malformed)
            return queue(error.response(), for: exchange)
        }
        exchange.head = head
        exchange.isHead = head.method == .head
        exchange.expectation = framing.expectation
        switch handler.admit(head) {
        case .refuse(let response, let match):
            exchange.match = match
            metrics.refused(.handler)
            return refuse(exchange, head, response)
        case .read(let maxBody, let match):
            exchange.match = match
            return admit(exchange, head, framing, maxBody: maxBody)
        }
    }

    private func admit(
        _ exchange: Exchange, _ head: RequestHead, _ framing: HeaderAssembler.Framing, maxBody: Int
    ) -> MHD_Result {
        let form = exchange.errorForm
        if framing.expectation == .unknown {
            metrics.refused(.malformed)
            return turnAway(exchange, head, form.render(.expectationFailed))
        }
        if head.hasBody, framing.hasContentCoding {
            metrics.refused(.encoding)
            return turnAway(exchange, head, form.render(.compressedBody))
        }
        if let length = head.contentLength, length > maxBody {
            metrics.refused(.tooLarge)
            let answer = form.render(.payloadTooLarge(limit: maxBody))
            handler.refused(head, match: exchange.match, status: answer.status)
            guard framing.expectation == .none else { return queue(answer, for: exchange) }
            return answerEarly(answer, exchange, discarding: lingerLimit(maxBody))
        }
        if head.hasBody, bufferedBytes > configuration.maxBufferedBytes {
            metrics.refused(.overload)
            return turnAway(exchange, head, form.render(.tooManyBodies))
        }
        exchange.maxBody = maxBody
        exchange.intake = .keep(limit: maxBody, discardLimit: lingerLimit(maxBody))
        exchange.phase = .receiving
        if head.hasBody {
            exchange.body.reserveCapacity(min(head.contentLength ?? 0, LoopState.largestReservation))
            enter(.body, exchange.connectionID, at: exchange.receivedAt)
        }
        return .YES
    }

    /// Refuses what the handler had admitted.
    private func turnAway(_ exchange: Exchange, _ head: RequestHead, _ response: Response) -> MHD_Result {
        handler.refused(head, match: exchange.match, status: response.status)
        return refuse(exchange, head, response)
    }

    /// Refuses a request whose head was read; keeps the connection where what follows is short enough to drop.
    private func refuse(_ exchange: Exchange, _ head: RequestHead, _ response: Response) -> MHD_Result {
        guard head.hasBody else {
            // An answer in this call would close the connection; in the next one it does not.
            exchange.phase = .refused(response)
            return .YES
        }
        // The client waits for a verdict before it sends the body.
        guard exchange.expectation == .none else { return queue(response, for: exchange) }
        guard (head.contentLength ?? 0) <= configuration.maxDiscardedBytes else {
            return answerEarly(response, exchange, discarding: configuration.maxDiscardedBytes)
        }
        exchange.intake = .discard(limit: configuration.maxDiscardedBytes)
        exchange.phase = .refused(response)
        enter(.body, exchange.connectionID, at: exchange.receivedAt)
        return .YES
    }

    private func receive(_ piece: UnsafeRawBufferPointer, _ exchange: Exchange) -> MHD_Result {
        switch exchange.intake.receive(piece.count) {
        case .keep:
            guard bufferedBytes + piece.count <= 2 * configuration.maxBufferedBytes else {
                metrics.refused(.overload)
                tellRefused(exchange, HTTPError.tooManyBodies.status)
                releaseBody(exchange)
                return answerEarly(
                    exchange.errorForm.render(.tooManyBodies), exchange, discarding: configuration.maxDiscardedBytes)
            }
            exchange.body.append(contentsOf: piece)
            bufferedBytes += piece.count
            return .YES
        case .discard: return .YES
        case .close: return .NO
        case .refuse:
            let response: Response
            if case .refused(let prepared) = exchange.phase {
                response = prepared
            } else {
                metrics.refused(.tooLarge)
                response = exchange.errorForm.render(.payloadTooLarge(limit: exchange.maxBody))
                tellRefused(exchange, response.status)
            }
            releaseBody(exchange)
            return sendPastLibrary(response, exchange)
        }
    }

    private func deliver(_ exchange: Exchange) -> MHD_Result {
        guard let head = exchange.head else { return .NO }
        let body = exchange.body
        releaseBody(exchange)
        // A stream may stay for hours: nothing is kept that the answer does not need.
        exchange.head = nil
        exchange.target = .success("")
        let responder = Responder(loop: loop, id: exchange.id)
        exchange.responder = responder
        handledInTurn = true
        handler.handle(Request(head: head, body: body, match: exchange.match), responder)
        switch responder.handlerReturned() {
        case .answered(let response): return queue(response, for: exchange)
        case .held(let watch):
            exchange.phase = .held
            enter(.handling, exchange.connectionID, at: turnTime)
            MHD_suspend_connection(exchange.connection)
            exchange.isSuspended = true
            if watch { self.watch(exchange) }
            return .YES
        }
    }

    /// Tells the handler of a request that ends while its body arrives.
    func tellRefused(_ exchange: Exchange, _ status: Int) {
        guard let head = exchange.head else { return }
        handler.refused(head, match: exchange.match, status: status)
    }

    func releaseBody(_ exchange: Exchange) {
        bufferedBytes -= exchange.body.count
        exchange.body = []
    }

    func enter(_ phase: Connection.Phase, _ id: SlotID, at time: UInt64) {
        connections.update(id) { connection in
            guard case .ending = connection.phase else {
                connection.phase = phase
                connection.since = time
                return
            }
        }
    }

    /// How much of a body that is too long is read and dropped, so that a client that writes everything before it
    /// reads gets to see its answer.
    private func lingerLimit(_ maxBody: Int) -> Int {
        min(
            max(configuration.maxDiscardedBytes, maxBody.multipliedReportingOverflow(by: 4).partialValue),
            LoopState.longestLinger)
    }

    /// Memory reserved on the word of a client, bytes.
    private static let largestReservation = 64 * 1024
    /// The most that is ever dropped after an answer, bytes.
    private static let longestLinger = 8 * 1024 * 1024
}

extension HTTPError {
    fileprivate static let expectationFailed = HTTPError(
        status: 417, code: "expectation_failed", message: "the only expectation this server meets is 100-continue",
        param: "Expect")
    fileprivate static let tooManyBodies = HTTPError.unavailable("too many bodies are in arrival", code: "overloaded")
    fileprivate static let compressedBody = HTTPError.unsupportedMediaType(
        "the body must not be compressed", headers: [HTTPField("Accept-Encoding", "identity")])
}
