internal import CCurl
internal import CLinux
internal import Glibc

// What libcurl calls, always on the thread of the worker that the flight belongs to.

private func flight(_ data: UnsafeMutableRawPointer?) -> Flight {
    guard let data else { preconditionFailure("libcurl lost the flight") }
    return Unmanaged<Flight>.fromOpaque(data).takeUnretainedValue()
}

private func worker(_ data: UnsafeMutableRawPointer?) -> EgressWorker {
    guard let data else { preconditionFailure("libcurl lost the worker") }
    return Unmanaged<EgressWorker>.fromOpaque(data).takeUnretainedValue()
}

private func lane(_ data: UnsafeMutableRawPointer?) -> Lane {
    guard let data else { preconditionFailure("libcurl lost the lane") }
    return Unmanaged<Lane>.fromOpaque(data).takeUnretainedValue()
}

let flightReceivesBody: curl_write_callback = { bytes, size, count, data in
    let total = size * count
    return flight(data).answer.takeBody(UnsafeRawBufferPointer(start: bytes, count: total)) ? total : 0
}

let flightReceivesHeader: curl_write_callback = { bytes, size, count, data in
    let total = size * count
    return flight(data).answer.takeHeader(UnsafeRawBufferPointer(start: bytes, count: total)) ? total : 0
}

/// A new connection: nothing but the pinned address, which was judged when the exchange began, is connected to.
let flightOpensSocket: curl_opensocket_callback = { data, _, address in
    let flight = flight(data)
    guard let address else { return CURL_SOCKET_BAD }
    guard flight.requestsSent == 0 else {
        // On the way to send the request again.
        flight.requestsSent += 1
        return CURL_SOCKET_BAD
    }
    let offset = MemoryLayout<curl_sockaddr>.offset(of: \.addr) ?? 0
    let peer = UnsafeRawPointer(address).advanced(by: offset).assumingMemoryBound(to: sockaddr.self)
    guard IPAddress(socketAddress: peer) == flight.pinned else {
        flight.wasRefused = true
        return CURL_SOCKET_BAD
    }
    let type = address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let descriptor = socket(address.pointee.family, type, address.pointee.protocol)
    guard descriptor >= 0 else { return CURL_SOCKET_BAD }
    flight.openedConnection = true
    flight.worker.sockets.opened(descriptor)
    return descriptor
}

let workerClosesSocket: curl_closesocket_callback = { data, descriptor in
    worker(data).sockets.close(descriptor)
    return 0
}

/// The last moment before a request goes out, on new connections and reused ones (where no socket is opened). libcurl
/// sends a POST again by itself when a reused connection ends without an answer, so a second call is refused.
let flightIsAboutToSend: curl_prereq_callback = { data, peer, _, _, _ in
    let flight = flight(data)
    flight.requestsSent += 1
    guard flight.requestsSent == 1 else { return CURL_PREREQFUNC_ABORT }
    if let exchange = flight.pending?.exchange, !flight.worker.maySend(exchange) {
        flight.requestsSent = 0
        flight.wasWithheld = true
        return CURL_PREREQFUNC_ABORT
    }
    guard let peer, flight.isPinned(to: peer) else {
        flight.requestsSent = 0
        flight.wasRefused = true
        return CURL_PREREQFUNC_ABORT
    }
    return CURL_PREREQFUNC_OK
}

let laneWatchesSocket: curl_socket_callback = { _, descriptor, what, data, _ in
    let lane = lane(data)
    let interest: UInt32 =
        switch what {
        case CURL_POLL_IN: EPOLLIN.rawValue
        case CURL_POLL_OUT: EPOLLOUT.rawValue
        case CURL_POLL_INOUT: EPOLLIN.rawValue | EPOLLOUT.rawValue
        default: 0
        }
    lane.worker.sockets.watch(descriptor, interest: interest, lane: lane.number)
    return 0
}

let laneSetsTimer: curl_multi_timer_callback = { _, milliseconds, data in
    let lane = lane(data)
    lane.deadline = milliseconds < 0 ? .max : lane.worker.now + Int64(milliseconds) * 1_000
    if milliseconds == 0 { lane.worker.isDue(lane) }
    return 0
}
