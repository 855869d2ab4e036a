internal import CLinux
internal import Glibc

/// Notices clients that leave while their connection is suspended; the C library does not look at those.
///
/// An epoll set of its own, read by the loop. It reports a half-closed connection like a closed one.
struct HangupWatch: ~Copyable {
    let descriptor: Int32

    init() throws(HTTPServerError) {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard descriptor >= 0 else { throw HTTPServerError(.resources, "no epoll descriptor: errno \(errno)") }
    }

    deinit { close(descriptor) }

    /// Reports once when the peer hangs up, also when it has done so already.
    borrowing func add(_ socket: Int32, _ id: SlotID) {
        var event = epoll_event()
        event.events = EPOLLRDHUP.rawValue | EPOLLET.rawValue
        event.data.u64 = id.raw
        if epoll_ctl(descriptor, EPOLL_CTL_ADD, socket, &event) != 0, errno == EEXIST {
            epoll_ctl(descriptor, EPOLL_CTL_MOD, socket, &event)
        }
    }

    borrowing func remove(_ socket: Int32) {
        epoll_ctl(descriptor, EPOLL_CTL_DEL, socket, nil)
    }

    /// The requests whose clients have hung up since; never waits.
    borrowing func hangups() -> [SlotID] {
        var found: [SlotID] = []
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: HangupWatch.batch) { events in
            while true {
                let count = epoll_wait(descriptor, events.baseAddress, Int32(events.count), 0)
                guard count > 0 else { return }
                for index in 0..<Int(count) { found.append(SlotID(raw: events[index].data.u64)) }
                guard count == HangupWatch.batch else { return }
            }
        }
        return found
    }

    /// Events taken by one system call.
    private static let batch = 256
}
